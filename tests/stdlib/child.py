"""The process that runs one suite: CPython's ``regrtest``, telling the parent of every test.

It is started as ``python [-m greenbridge] -m tests.stdlib.child ARGUMENTS OF REGRTEST``, so
that everything but the reporting is what ``python -m greenbridge -m test`` does. What happens is
written as lines of JSON to the descriptor that the environment names: a test that hangs
is then known by name, which a report written at the end cannot do.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import posix
import socket
import sys
import time
import unittest
from typing import TYPE_CHECKING, Any, Final

from .worlds import WORLDS, World

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("INSIDE", "REPORT", "main")

#: Environment variable with the number of the descriptor to report to.
REPORT: Final = "GREENBRIDGE_STDLIB_REPORT"
#: Environment variable with the name of the world to run the tests in.
INSIDE: Final = "GREENBRIDGE_STDLIB_INSIDE"

#: The lowest number that the descriptor to report to may get; above what tests open (a guess).
_REPORT_FD: Final = 500

_OUTCOMES: Final = {
    "addSuccess": "ok",
    "addSkip": "skipped",
    "addFailure": "failed",
    "addError": "error",
    "addExpectedFailure": "expected failure",
    "addUnexpectedSuccess": "unexpected success",
}


class _Reporter:
    """Writes one line for everything that ``regrtest``'s result object is told."""

    def __init__(self, fd: int, world: World) -> None:
        self._fd = fd
        self._world = world
        self._pid = os.getpid()
        self._started: dict[str, float] = {}

    def send(self, event: str, **fields: object) -> None:
        """Write one line; a forked child of a test says nothing."""
        if os.getpid() != self._pid:
            return
        line = json.dumps({"event": event, **fields}) + "\n"
        # posix.write is never replaced: reporting must not wait on what is being tested.
        posix.write(self._fd, line.encode())

    def hook(self) -> None:
        """Listen to regrtest's result class, which calls unittest's for everything."""
        result = unittest.TextTestResult
        for name, outcome in _OUTCOMES.items():
            _around(result, name, lambda test, *rest, o=outcome: self._outcome(test, o, rest))
        _around(result, "addSubTest", self._subtest)
        _around(result, "startTest", self._start)
        _around(result, "stopTest", self._stop)

    def environment(self, event: str) -> None:
        """Say which Python this is and what its sockets are."""
        bridge = sys.modules.get("greenbridge")
        engine: Any = sys.modules.get("greenbridge._patching")
        records = engine.patched() if engine is not None else ()
        self.send(
            event,
            python=sys.version,
            socket=f"{socket.socket.__module__}.{socket.socket.__qualname__}",
            patched=len(records),
            displaced=[
                f"{row.module}.{row.name}"
                for row in records
                if not row.is_in_place and not row.may_change
            ],
            green=bool(bridge is not None and bridge.is_green()),
            **self._world.counts(),
        )

    def _outcome(self, test: Any, outcome: str, rest: tuple[Any, ...]) -> None:
        # A skip inside a subtest comes with the subtest; it counts for the test.
        test = getattr(test, "test_case", test)
        detail = ""
        if outcome == "skipped":
            detail = str(rest[0])
        elif rest:
            kind, value = rest[0][:2]
            detail = f"{kind.__name__}: {value}"[:400]
        self.send("result", id=test.id(), outcome=outcome, detail=detail)

    def _subtest(self, test: Any, subtest: Any, error: Any) -> None:
        if error is not None:
            outcome = "failed" if issubclass(error[0], test.failureException) else "error"
            self._outcome(test, outcome, (error,))

    def _start(self, test: Any) -> None:
        self._started[test.id()] = time.monotonic()
        self.send("start", id=test.id())

    def _stop(self, test: Any) -> None:
        seconds = time.monotonic() - self._started.pop(test.id(), time.monotonic())
        self.send("stop", id=test.id(), seconds=round(seconds, 4))


def _around(cls: type, name: str, tell: Callable[..., None]) -> None:
    """Have ``tell`` called before the method, for regrtest's own result objects only."""
    method = getattr(cls, name)

    def told(self: Any, *args: Any, **kwargs: Any) -> Any:
        # Suites that test unittest itself make result objects of their own.
        if type(self).__name__ == "RegressionTestResult":
            tell(*args)
        return method(self, *args, **kwargs)

    setattr(cls, name, told)


def main() -> None:
    """Run regrtest with this process's arguments; report, and exit as it does."""
    world = World(os.environ.pop(INSIDE, WORLDS[0]))
    reporter = _Reporter(_out_of_the_way(int(os.environ.pop(REPORT))), world)
    reporter.hook()
    world.run(lambda: _run(reporter))


def _out_of_the_way(fd: int) -> int:
    """Move *fd*: tests look for numbers in a row that are free, and it would stand between them."""
    moved: int = fcntl.fcntl(fd, fcntl.F_DUPFD, _REPORT_FD)
    posix.close(fd)
    return moved


def _keep_workers() -> None:
    """Let the threads that look names up live on: who counts threads would miss one amid a test.

    anyio ends them when they have been idle for 10 seconds, which a suite takes on a busy machine.
    """
    if "greenbridge" in sys.modules:
        workers: Any = importlib.import_module("anyio._backends._asyncio").WorkerThread
        assert workers.MAX_IDLE_TIME
        workers.MAX_IDLE_TIME = 3600


def _run(reporter: _Reporter) -> None:
    reporter.environment("begin")
    _keep_workers()
    regrtest: Any = importlib.import_module("test.libregrtest.main")
    try:
        regrtest.main()
    finally:
        reporter.environment("end")


if __name__ == "__main__":
    main()
