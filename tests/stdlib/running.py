"""Runs one suite in a process of its own and collects what its tests did.

A test that hangs is stopped with its process: the stacks of all threads go to the log, the
test is recorded as ``hung``, and the suite goes on without it in a new process.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .child import INSIDE, REPORT
from .worlds import WORLDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .suites import Suite

__all__ = ("BAD", "GOOD", "Record", "Runner", "allow_signals")

GOOD: Final = frozenset({"ok", "expected failure"})
BAD: Final = frozenset({"failed", "error", "unexpected success", "hung", "crashed", "changed"})

#: Worst last: a test has the worst outcome that it was told of, e.g. by one of its subtests.
_ORDER: Final = ("ok", "expected failure", "skipped", "unexpected success", "failed", "error")

#: Seconds that one test may take. `threading_helper.wait_threads_exit` alone waits for 60.
TEST_LIMIT: Final = 75.0
#: How often a suite is started again after a test that hung.
RESTARTS: Final = 6
#: Seconds for a test that is known to hang; plain Python needs a fifth of it, or less.
HANGING: Final = 5.0
#: Lines of the log that a crash is reported with.
_LAST_WORDS: Final = 8
#: Seconds to write the stacks down before the process is killed (a guess).
_DUMP: Final = 1.0
_TICK: Final = 0.25

_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Record:
    """What one suite did."""

    suite: str
    outcomes: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    #: The child's account of itself, at the start and at the end of each process.
    proofs: list[dict[str, Any]] = field(default_factory=list)
    #: All cases that there are, if only some of them had to be run (see needed.py).
    cases: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    def count(self, *outcomes: str) -> int:
        """How many tests ended in one of these ways."""
        return sum(outcome in outcomes for outcome in self.outcomes.values())

    def add(self, test: str, outcome: str, detail: str = "") -> None:
        """Take note of an outcome; the worst one of a test stays."""
        before = self.outcomes.get(test)
        if before in _ORDER and outcome in _ORDER and _ORDER.index(outcome) < _ORDER.index(before):
            return
        self.outcomes[test] = outcome
        if detail:
            self.details[test] = detail


@dataclass(frozen=True, slots=True)
class Runner:
    """How suites are started.

    ``python`` is a command, ``before`` what stands between it and the module:
    ``("-m", "greenbridge")`` for a patched run, nothing for a plain one.
    """

    python: tuple[str, ...]
    before: tuple[str, ...]
    logs: Path
    test_limit: float = TEST_LIMIT
    #: The resources that this Python's regrtest knows.
    resources: frozenset[str] = frozenset()
    #: Where the tests' main thread runs; see worlds.py.
    inside: str = WORLDS[0]
    #: The module that stands for ``-m test``.
    child: tuple[str, ...] = ("-m", "tests.stdlib.child")

    def options(
        self, suite: Suite, ignored: Iterable[str] = (), match: Iterable[str] = ()
    ) -> list[str]:
        """regrtest's options for a suite."""
        options = ["-v", "--fail-env-changed"]
        if allowed := [name for name in suite.resources if name in self.resources]:
            options += ["-u", ",".join(allowed)]
        # In this order: since 3.11.6 the last that fits decides; if none does, not the first.
        options += [part for pattern in match for part in ("-m", pattern)]
        return options + [part for pattern in ignored for part in ("-i", pattern)]

    def cases(
        self, suite: Suite, ignored: Iterable[str] = (), match: Iterable[str] = ()
    ) -> list[str]:
        """The tests of a suite by their ids, as regrtest lists them; none of them is run.

        Raises:
            RuntimeError: the Python does not list them.
        """
        options = self.options(suite, ignored, match)
        command = [*self.python, *self.before, "-m", "test", "--list-cases", *options, suite.name]
        done = subprocess.run(
            command,
            env=_environment(-1, self.inside),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=suite.limit,
            check=False,
        )
        cases = [line for line in done.stdout.splitlines() if line.startswith("test.")]
        # Of what cannot be imported it says nothing; of what skips itself as a whole it does.
        if done.returncode or not (cases or "skipped" in done.stderr):
            said = f"{done.stdout}{done.stderr}".strip() or "it says nothing"
            raise RuntimeError(f"{' '.join(command)} listed no tests: {said}")
        return cases

    def run(
        self,
        suite: Suite,
        ignored: tuple[str, ...] = (),
        match: tuple[str, ...] = (),
        hanging: tuple[str, ...] = (),
    ) -> Record:
        """Run a suite to its end, without what ``ignored`` names, or only what ``match`` names.

        ``hanging`` would hold up the others, which a new process had to run again: they are run
        by themselves, and given little time. The process that ran such a test may hang as well,
        when it ought to end: for a thread that the test has left behind.
        """
        record = Record(suite.name)
        started = time.monotonic()
        skip = [*ignored, *hanging]
        for number in range(RESTARTS + 1):
            left = suite.limit - (time.monotonic() - started)
            hung = _Process(self, suite, record, number).run(skip, list(match), max(left, 1.0))
            if not hung:
                break
            record.add(
                hung, "hung", f"no end after {self.test_limit:.0f} s, or the suite's time was up"
            )
            # Only that test is left out of the next process; what ran before runs again.
            skip.append(hung)
            whole = hung == f"{suite.name} (process)"  # another would do the same
            if whole or time.monotonic() - started > suite.limit:
                break
        for n, test in enumerate(hanging):
            short = replace(self, test_limit=min(self.test_limit, HANGING))
            process = _Process(short, suite, record, RESTARTS + 1 + n)
            hung = process.run(list(ignored), [test], suite.limit)
            if hung in {test, f"{suite.name} (process)"}:
                record.add(test, "hung", "as it is known to")
        record.total = time.monotonic() - started
        return record


class _Process:
    """One process of a suite."""

    def __init__(self, runner: Runner, suite: Suite, record: Record, number: int) -> None:
        self._runner = runner
        self._suite = suite
        self._record = record
        self._log = runner.logs / f"{suite.name}{f'.{number}' if number else ''}.log"
        self._running = ""
        self._since = 0.0
        self._ended = False

    def run(self, ignored: list[str], match: list[str], limit: float) -> str:
        """Run it; returns the name of what hung, or nothing."""
        record, suite = self._record, self._suite
        read, write = os.pipe()
        try:
            with self._log.open("wb") as log:
                process = subprocess.Popen(
                    self._command(ignored, match),
                    env=_environment(write, self._runner.inside),
                    pass_fds=(write,),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                os.close(write)
                write = -1
                record.logs.append(str(self._log))
                hung = self._follow(read, process, limit)
        finally:
            os.close(read)
            if write >= 0:
                os.close(write)
        name = f"{suite.name} (process)"
        if hung:
            return self._running or name
        code = process.returncode
        if code < 0 or not self._ended:
            record.add(
                self._running or name, "crashed", f"exit status {code}\n{self._last_words()}"
            )
        elif code == _ENVIRONMENT_CHANGED:
            record.add(f"{suite.name} (environment)", "changed", self._last_words())
        elif code and not record.count(*BAD):
            record.add(name, "crashed", f"exit status {code}\n{self._last_words()}")
        return ""

    def _last_words(self) -> str:
        """The end of the log; it may be gone when somebody reads the report."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LAST_WORDS:])

    def _command(self, ignored: list[str], match: list[str]) -> list[str]:
        runner, suite = self._runner, self._suite
        options = runner.options(suite, ignored, match)
        return [*runner.python, *runner.before, *runner.child, *options, suite.name]

    def _follow(self, read: int, process: subprocess.Popen[bytes], limit: float) -> bool:
        """Read reports until the process ends; True if it had to be stopped."""
        deadline = time.monotonic() + limit
        rest = b""
        os.set_blocking(read, False)
        with selectors.DefaultSelector() as selector:
            selector.register(read, selectors.EVENT_READ)
            while True:
                done = process.poll() is not None
                ready = selector.select(0 if done else _TICK)
                data = _read(read) if ready else b""
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
                # The pipe may outlive the process in a child that a test left behind.
                if done and not data:
                    return False
                if ready and not data:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_TICK)
                now = time.monotonic()
                busy = self._running or self._ended  # the process has as long to end as a test has
                slow = busy and now - self._since > self._runner.test_limit
                if not done and (slow or now > deadline):
                    _stop(process)
                    return True

    def _take(self, event: dict[str, Any]) -> None:
        record = self._record
        match event["event"]:
            case "start":
                self._running, self._since = event["id"], time.monotonic()
            case "stop":
                record.seconds[event["id"]] = event["seconds"]
                self._running = ""
            case "result":
                record.add(event["id"], event["outcome"], event["detail"])
            case "begin" | "end" as name:
                self._ended, self._since = name == "end", time.monotonic()
                record.proofs.append(event)


#: regrtest's exit status for `--fail-env-changed`.
_ENVIRONMENT_CHANGED: Final = 3


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 16)
    except BlockingIOError:
        return b""


def _environment(report: int, inside: str) -> dict[str, str]:
    """The caller's environment, so that a loop or a certificate store can be set, and our paths."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return environment | {"PYTHONPATH": str(_ROOT), REPORT: str(report), INSIDE: inside}


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Have the stacks written to the log (regrtest's faulthandler), then kill the whole group."""
    group: list[Callable[[], None]] = [
        lambda: os.kill(process.pid, signal.SIGUSR1),
        lambda: os.killpg(process.pid, signal.SIGKILL),
    ]
    for act in group:
        with suppress(ProcessLookupError):
            act()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_DUMP)


@contextmanager
def allow_signals() -> Iterator[None]:
    """Start children with SIGINT and SIGHUP at their defaults.

    A shell's background job, or nohup, ignores them, and children inherit that;
    tests that send themselves a signal then fail under any Python.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is signal.SIG_IGN:
                signal.signal(number, handler)
