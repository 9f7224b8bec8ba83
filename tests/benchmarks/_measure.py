"""Run the rows: one fresh process a figure, peers in turn within each round."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from ._clock import CLOCKS
from ._workloads import PEERS, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ("Effort", "Figure", "Results", "measure", "missing_peers")

#: One measurement takes a second or two; a machine in trouble is given up on. A guess.
_LIMIT_S: Final = 180.0
_ROOT: Final = Path(__file__).resolve().parents[2]
_SECOND_IN_MS: Final = 1000.0

#: What a program writes to start up patched; timed from its first line to its last.
_START_UP: Final = {
    "ours": "import greenbridge; greenbridge.patch_all()",
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured, and by which clock (``wall`` or ``cpu``)."""

    rounds: int
    scale: float
    clock: str


class _FailedError(Exception):
    """A measurement that ended without a value; the text is for the report."""


@dataclass(slots=True)
class Figure:
    """All that was measured for one peer on one workload; ``reason`` if there is nothing."""

    samples: list[float] = field(default_factory=list)
    reason: str = ""

    @property
    def median(self) -> float | None:
        return median(self.samples) if self.samples else None


@dataclass(slots=True)
class Results:
    """Figures by workload and peer."""

    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)

    def figure(self, workload: str, peer: str) -> Figure:
        return self.figures.setdefault(workload, {}).setdefault(peer, Figure())

    def ratio(self, workload: str, peer: str, baseline: str) -> float | None:
        """The median over the rounds of value / baseline's value in the same round.

        Neighbours in time are divided, so a machine that is busy for a while
        bends both; None where one of the two was not measured.
        """
        rows = self.figures.get(workload, {})
        if peer not in rows or baseline not in rows:
            return None
        pairs = zip(rows[peer].samples, rows[baseline].samples, strict=False)
        ratios = [ours / theirs for ours, theirs in pairs if theirs]
        return median(ratios) if ratios else None


def missing_peers(names: Iterable[str]) -> dict[str, str]:
    """Why each of ``names`` that cannot run here cannot."""
    reasons = {}
    for peer in PEERS:
        if peer.name in names:
            absent = [name for name in peer.requires if not _is_installed(name)]
            if absent:
                reasons[peer.name] = f"{', '.join(absent)} not installed"
    return reasons


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _FailedError(f"no result after {_LIMIT_S:.0f} s") from None
    except OSError as error:
        raise _FailedError(str(error)) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise _FailedError(lines[-1])
    return done.stdout


def _worker(peer: str, workload: Workload, n: int, clock: str) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.worker", peer, workload.name, str(n), clock]


def _parse(output: str) -> float:
    found = re.search(r"^value (\S+)$", output, re.MULTILINE)
    if found is None:
        raise _FailedError("the worker printed no value")
    return float(found[1])


def _by_worker(peer: str, workload: Workload, n: int, clock: str) -> float:
    return _parse(_run(_worker(peer, workload, n, clock)))


def _by_program(peer: str, workload: Workload, n: int, clock: str) -> float:
    """The fastest of ``n`` start-ups: what comes on top is the machine's."""
    code = (
        f"from time import {CLOCKS[clock].__name__} as now\nstart = now()\n{_START_UP[peer]}\n"
        "print('value', now() - start)"
    )
    return min(_parse(_run([sys.executable, "-c", code])) for _ in range(n)) * _SECOND_IN_MS


def _by_strace(peer: str, workload: Workload, n: int, clock: str) -> float:
    """System calls that the kernel counted, in all threads of the process."""
    strace = shutil.which("strace")
    if strace is None:
        raise _FailedError("strace not installed")
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        trace = [strace, "-f", "-qq", "-e", "trace=epoll_ctl", "-o", str(log)]
        _run([*trace, *_worker(peer, workload, n, clock)])
        return float(log.read_text().count("epoll_ctl("))


_HOW: Final[dict[str, Callable[[str, Workload, int, str], float]]] = {
    "worker": _by_worker,
    "program": _by_program,
    "strace": _by_strace,
}


def measure(
    workloads: Iterable[Workload],
    peers: list[str],
    effort: Effort,
    results: Results,
) -> Iterator[tuple[Workload, str]]:
    """Fill ``results`` step by step; yields before each measurement what comes next.

    Within a round the peers take turns (ours, gevent, ..., ours, gevent, ...).
    A peer that fails once on a workload is not asked again; it has a reason then.
    """
    missing = missing_peers(peers)
    for workload in workloads:
        for number in range(effort.rounds):
            for peer in peers:
                if peer not in workload.peers:
                    continue
                yield workload, peer
                figure = results.figure(workload.name, peer)
                if peer in missing:
                    figure.reason = missing[peer]
                if figure.reason or (workload.how == "strace" and number > 0):
                    continue
                n = workload.fewer.get(peer, workload.n)
                if not workload.fixed:
                    n = max(int(n * effort.scale), 1)
                try:
                    figure.samples.append(_HOW[workload.how](peer, workload, n, effort.clock))
                except _FailedError as error:
                    figure.reason = str(error)
                    figure.samples.clear()
