"""Runs a suite once, in one world, and collects what its tests did."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import environments
from .plugins import greenbridge_recorder as recorder
from .sources import copied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .table import Suite

__all__ = ("Record", "Run")

#: Worst last: a test has the worst outcome of its phases.
_ORDER: Final = ("passed", "xfailed", "skipped", "xpassed", "failed", "error", "hangs")
#: How a run ends that nobody stopped: all passed, some failed, no tests (pytest's exit codes).
_ENDS: Final = frozenset({0, 1})
#: Seconds without the end of a test after which the suite hangs.
_STILL: Final = 120.0
#: ... and after which faulthandler writes the stacks to the log.
_STACKS: Final = 60
_TICK: Final = 0.25


@dataclass(slots=True)
class Record:
    """What a suite did in one world."""

    outcomes: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    #: What keeps the whole run from counting; empty if it came to its end.
    broken: str = ""
    #: The recorder's account of its world.
    proof: dict[str, int] = field(default_factory=dict)
    running: str = ""

    def count(self, *outcomes: str) -> int:
        """How many tests ended in one of these ways."""
        return sum(outcome in outcomes for outcome in self.outcomes.values())

    def counts(self) -> dict[str, int]:
        """Tests by outcome, without those that nobody had."""
        return {name: n for name in _ORDER if (n := self.count(name))}

    def take(self, event: dict[str, Any]) -> None:
        """Take note of one line of the recorder."""
        kind, test = event["event"], event.get("id", "")
        if kind == "start":
            self.running = test
        elif kind == "end":
            self.proof = {name: event[name] for name in ("patched", "waits", "beats")}
            self.running = ""
        else:
            before = self.outcomes.get(test, _ORDER[0])
            outcome = max(before, event["outcome"], key=_ORDER.index)
            self.outcomes[test] = outcome
            if outcome not in {"passed", before} or test not in self.details:
                self.details[test] = event["detail"]


@dataclass(frozen=True, slots=True)
class Run:
    """How to run a suite in one world."""

    suite: Suite
    world: str  # "plain", or one of table.WORLDS
    python: list[str]  # of its environment
    source: Path
    folder: Path  # where it may write; its log as well
    loop: str
    without: tuple[str, ...]  # patterns of tests that are not run
    server: dict[str, Any] | None
    select: tuple[str, ...] = ()  # ids to run instead of all

    def __call__(self, known: Iterable[str] = ()) -> Record:
        """Run it.

        Args:
            known: ids of tests that *without* is looked up in, for what is no plain id.
        """
        work = self.folder / "work"  # the same place in all worlds: ids of tests may name it
        shutil.rmtree(work, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        copied(self.suite, self.source, work)
        report = self.folder / f"{self.world}.jsonl"
        report.unlink(missing_ok=True)
        record = Record()
        with (self.folder / f"{self.world}.log").open("wb") as log:
            began = time.monotonic()
            process = subprocess.Popen(
                self._command(known),
                cwd=work,
                env=self._environment(report),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                self._follow(process, report, record)
            finally:
                _kill(process)
            record.seconds = round(time.monotonic() - began, 1)
        return record

    def _command(self, known: Iterable[str]) -> list[str]:
        patched = [
            "-p",
            "pytest_greenbridge",
            "--greenbridge-patch",
            f"--greenbridge-loop={self.loop}",
        ]
        without = [
            f"--deselect={test}"
            for pattern in self.without
            for test in ([n for n in known if fnmatchcase(n, pattern)] or [pattern])
        ]
        where = self.server or {"host": "", "port": ""}
        arguments = [text.format(**where) for text in self.suite.arguments]
        return [
            *self.python,
            *("-m", "pytest", "-p", "greenbridge_recorder", "-p", "no:cacheprovider", "-q"),
            *(patched if self.world == "patched" else ()),
            *("-o", f"faulthandler_timeout={_STACKS}", *arguments, *without),
            *self.select,
        ]

    def _environment(self, report: Path) -> dict[str, str]:
        where = self.server or {"host": "", "port": ""}
        own = {name: text.format(**where) for name, text in self.suite.environment}
        ours = {
            "PYTHONPATH": str(Path(recorder.__file__).parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            recorder.REPORT: str(report),
            recorder.WORLD: self.world,
        }
        return {**environments.variables(), **own, **ours}

    def _follow(self, process: subprocess.Popen[bytes], report: Path, record: Record) -> None:
        """Read reports until the process ends; stop it when it is out of time."""
        began = moved = time.monotonic()
        place = 0
        while True:
            ended = process.poll() is not None
            lines, place = _lines(report, place)
            for line in lines:
                record.take(json.loads(line))
            now = time.monotonic()
            moved = now if lines else moved
            _progress(self, record, now - began)
            if ended and not lines:
                break
            late = now - began > self.suite.limit
            if not ended and (late or now - moved > _STILL):
                where = record.running or "no test"
                record.broken = f"hangs in {where}" if not late else f"out of time in {where}"
                if record.running:
                    record.outcomes[record.running] = "hangs"
                return
            if not ended:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_TICK)
        if not record.proof or process.returncode not in _ENDS:
            amid = f" in {record.running}" if record.running else ""
            record.broken = f"ended with exit code {process.returncode}{amid}"


def _lines(report: Path, place: int) -> tuple[list[bytes], int]:
    """Whole lines from *place* on, and where the next ones will begin."""
    if not report.exists():
        return [], place
    with report.open("rb") as file:
        file.seek(place)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    return whole.splitlines(), place + len(whole)


def _progress(run: Run, record: Record, seconds: float) -> None:
    if sys.stderr.isatty():
        done = f"{run.suite.name} {run.world}: {len(record.outcomes)} tests, {seconds:.0f} s"
        sys.stderr.write(f"\r{done}  {record.running[-60:]:<60}\r")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it has left in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
