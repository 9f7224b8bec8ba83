"""The parts of a CI run: what each does, and how they are run, several at a time.

A part is a function that gets a :class:`Job`, whose ``run`` starts commands with their output in
the part's log. It raises :class:`Failed` or :class:`NotRun`; a part whose need was not met is not
run either. What was not run is never counted as passed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
#: A command is killed after so many times what its part costs, but not before five minutes: other
#: machines are slower, and several parts run at a time.
PATIENCE = 8
LEAST_PATIENCE = 300.0  # seconds
#: Lines of a log that are shown when a part has failed; all of it is in the folder of logs.
SHOWN = 120


#: What runs now, so that Ctrl-C can end it.
_running: set[subprocess.Popen[bytes]] = set()


class Failed(Exception):
    """The part has failed; the words say how."""


class NotRun(Exception):
    """The part could not be run here; the words say why."""


@dataclass
class Part:
    """One thing to check."""

    name: str
    action: Callable[[Job], None]
    #: Seconds that it takes on two idle cores, alone.
    cost: float
    #: Names of parts that must have passed.
    needs: tuple[str, ...] = ()
    #: Whether ``--quick`` runs it as well.
    quick: bool = False


@dataclass
class Result:
    """What became of a part: *verdict* is passed, FAILED or not run."""

    part: Part
    verdict: str
    words: str = ""
    seconds: float = 0.0
    log: Path | None = field(default=None, repr=False)


class Job:
    """One part while it runs."""

    def __init__(self, part: Part, log: Path, work: Path, env: Mapping[str, str]) -> None:
        self.part = part
        self.log = log
        self.work = work
        self.env = env
        #: What is said of it at the end; the last line of the output, if it says nothing.
        self.words = ""

    def run(
        self, *command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> None:
        """Run a command to its end.

        Raises:
            Failed: its exit code is not 0, or it took too long and was killed.
        """
        words = [str(word) for word in command]
        limit = max(LEAST_PATIENCE, PATIENCE * self.part.cost)
        code = run_logged(words, self.log, limit, {**self.env, **(env or {})}, cwd)
        if code:
            raise Failed(f"exit code {code}: {last_words(self.log)}")

    def run_twice(self, command: Sequence[str | Path], again: Sequence[str | Path]) -> None:
        """Run *command*, and if it fails *again*, which repeats what has failed.

        A busy machine misses a deadline now and then. What fails twice has failed; what does not
        is told.
        """
        try:
            self.run(*command)
        except Failed as first:
            self.run(*again)
            self.words = f"{first}; the second time: {last_words(self.log)}"


def tool(job: Job, *command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command of the environment of tools."""
    job.run(job.work / "tools" / "bin" / command[0], *command[1:], cwd=cwd)


def tools(*command: str) -> Callable[[Job], None]:
    """An action: one command of the environment of tools."""
    return lambda job: tool(job, *command)


def run_logged(
    command: Sequence[str], log: Path, limit: float, env: Mapping[str, str], cwd: Path
) -> int:
    """Run *command* with its output in *log*; returns the exit code, 124 if it took too long."""
    with log.open("ab") as out:
        out.write(f"$ {' '.join(command)}\n".encode())
        out.flush()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(process)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            out.write(f"\nkilled: took longer than {limit:.0f} seconds\n".encode())
            return 124
        finally:
            _running.discard(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def last_words(log: Path) -> str:
    """Give the last line of a log that says something."""
    lines = [line.strip(" =") for line in log.read_text(errors="replace").splitlines()]
    lines = [line for line in lines if not line.startswith("$ ")]
    return next((line for line in reversed(lines) if line), "(no output)")


def perform(part: Part, log: Path, work: Path, env: Mapping[str, str]) -> Result:
    """Run one part in the calling thread."""
    log.write_text("")
    job = Job(part, log, work, env)
    began = time.monotonic()
    try:
        part.action(job)
    except NotRun as reason:
        return Result(part, "not run", str(reason), time.monotonic() - began, log)
    except Failed as reason:
        return Result(part, "FAILED", str(reason), time.monotonic() - began, log)
    return Result(part, "passed", job.words or last_words(log), time.monotonic() - began, log)


@contextmanager
def _ended_with_us() -> Iterator[None]:
    """A block whose commands, which have sessions of their own, do not outlive a Ctrl-C."""
    try:
        yield
    except BaseException:
        for process in list(_running):
            _kill(process)
        raise


def run_parts(
    parts: Sequence[Part],
    jobs: int,
    work: Path,
    env: Mapping[str, str],
    told: Callable[[Result], None],
) -> list[Result]:
    """Run all parts, *jobs* at a time, in their order as far as their needs allow.

    *told* is called with each result as it comes.
    """
    done: dict[str, Result] = {}
    waiting = list(parts)
    running: dict[Future[Result], Part] = {}
    logs = work / "logs"
    logs.mkdir(parents=True, exist_ok=True)

    def finish(result: Result) -> None:
        done[result.part.name] = result
        told(result)

    def unmet(part: Part) -> str:
        return next((n for n in part.needs if n in done and done[n].verdict != "passed"), "")

    with ThreadPoolExecutor(jobs) as pool, _ended_with_us():
        while waiting or running:
            for part in list(waiting):
                if need := unmet(part):
                    waiting.remove(part)
                    why = done[need].words if done[need].verdict == "not run" else f"needs: {need}"
                    finish(Result(part, "not run", why))
                elif len(running) < jobs and all(need in done for need in part.needs):
                    waiting.remove(part)
                    log = logs / f"{len(done) + len(running):02}-{slug(part.name)}.log"
                    running[pool.submit(perform, part, log, work, env)] = part
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                del running[future]
                finish(future.result())
    return [done[part.name] for part in parts]


def slug(name: str) -> str:
    """A name for a file."""
    return "".join(c if c.isalnum() or c == "." else "-" for c in name).strip("-")[:60]


def say(text: str) -> None:
    """Print at once: who watches a run wants to see how far it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show(result: Result) -> None:
    """Tell of a part that has ended; of one that has failed, the end of its output."""
    name = result.part.name
    say(f"{result.verdict:8}{result.seconds:6.0f} s  {name}: {result.words[:200]}")
    if result.verdict == "FAILED" and result.log:
        lines = result.log.read_text(errors="replace").splitlines()
        if len(lines) > SHOWN:
            say(f"        ... {len(lines) - SHOWN} lines before: {result.log}")
        for line in lines[-SHOWN:]:
            say(f"        {line}")


def table(results: Sequence[Result]) -> str:
    """The budget: what each part took, beside what it was thought to cost."""
    lines = [f"{'':8}{'took':>7} {'cost':>6}"]
    for result in results:
        took = f"{result.seconds:5.0f} s" if result.verdict != "not run" else ""
        cost = f"{result.part.cost:4.0f} s"
        words = f"  ({result.words})" if result.verdict == "not run" else ""
        lines.append(f"{result.verdict:8}{took:>7} {cost:>6}  {result.part.name}{words}")
    return "\n".join(lines)
