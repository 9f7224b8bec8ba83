"""A plugin of pytest that writes down what each test did, in the process that runs a suite.

It stands in a folder of its own, which is all that the suite's process has on its path of ours.
Each event is a line of JSON in the file that the environment names: a test that hangs is then
known by name. The environment also says in which world the tests run.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import posix
import sys
from typing import Any, Final

import pytest

#: Environment variables: the file to write to, and the world.
REPORT: Final = "GREENBRIDGE_SUITE_REPORT"
WORLD: Final = "GREENBRIDGE_SUITE_WORLD"

#: Seconds between two beats of the green thread beside the tests; long, not to slow them down.
_BEAT: Final = 0.02


class Recorder:
    """Writes a line for every test that starts, and for each of its phases that ends."""

    def __init__(self, path: str, world: str) -> None:
        self._fd = posix.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pid = os.getpid()
        self._world = world
        self._waits = 0
        self._beats = 0
        self._beside: Any = None

    def send(self, event: str, **fields: object) -> None:
        """Write one line; a forked child of a test says nothing."""
        if os.getpid() == self._pid:
            line = json.dumps({"event": event, **fields}) + "\n"
            posix.write(self._fd, line.encode())  # never replaced, unlike os.write

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Go into the world before anything is collected."""
        if self._world == "patched":
            self._run_beside()
        elif self._world == "installed":
            _install_everywhere()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self.send("start", id=nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A phase of a test has ended."""
        if report.when == "call" or report.outcome != "passed":
            self.send(
                "result",
                id=report.nodeid,
                outcome=_outcome(report),
                detail=_words(report),
                seconds=round(report.duration, 3),
            )

    def pytest_collectreport(self, report: Any) -> None:
        """What cannot be collected is an error, and what skips itself is skipped."""
        if report.outcome != "passed" and report.nodeid:
            outcome = "error" if report.outcome == "failed" else "skipped"
            self.send("result", id=report.nodeid, outcome=outcome, detail=_words(report), seconds=0)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Say that the end was reached, and what shows that the world was what it should be."""
        engine: Any = sys.modules.get("greenbridge._patching")
        patched = len(engine.patched()) if engine is not None else 0
        if self._beside is not None:
            self._beside.kill()
        self.send("end", patched=patched, waits=self._waits, beats=self._beats)

    def _run_beside(self) -> None:
        """Run a green thread: a program that never starts one blocks as it always did.

        How often the tests waited greenly is counted by greenlet's own trace, not by what is
        being proved.
        """
        bridge: Any = importlib.import_module("greenbridge")
        library: Any = importlib.import_module("greenlet")
        watched = library.getcurrent()

        def beat() -> None:
            while True:
                bridge.sleep(_BEAT)
                self._beats += 1

        def trace(_event: str, ends: tuple[object, object]) -> None:
            if ends[0] is watched:
                self._waits += 1

        self._beside = bridge.spawn(beat)
        library.settrace(trace)


def _install_everywhere() -> None:
    """Have every loop that is made by the usual ways make green Tasks."""
    bridge: Any = importlib.import_module("greenbridge")

    def installing(make: Any) -> Any:
        def made(*args: Any, **options: Any) -> Any:
            loop = make(*args, **options)
            bridge.install(loop)
            return loop

        return made

    asyncio.new_event_loop = installing(asyncio.new_event_loop)
    events: Any = asyncio.events
    events.new_event_loop = asyncio.new_event_loop
    with contextlib.suppress(ImportError):
        uvloop: Any = importlib.import_module("uvloop")
        uvloop.new_event_loop = installing(uvloop.new_event_loop)


def _outcome(report: Any) -> str:
    if report.when != "call" and report.outcome == "failed":
        return "error"
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.outcome == "skipped" else "xpassed"
    return str(report.outcome)


def _words(report: Any) -> str:
    """The last line of what went wrong."""
    text = getattr(getattr(report.longrepr, "reprcrash", None), "message", None)
    if isinstance(report.longrepr, tuple):
        text = report.longrepr[2]
    return str(text if text is not None else report.longrepr or "").strip()[:400]


def pytest_configure(config: pytest.Config) -> None:
    """Record, if the environment says where to."""
    path = os.environ.pop(REPORT, "")
    if path:
        recorder = Recorder(path, os.environ.pop(WORLD, ""))
        config.pluginmanager.register(recorder, "greenbridge-recorder")
