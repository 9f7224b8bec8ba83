"""``--greenbridge-leaks``: what each test has left behind, when its fixtures are torn down.

What a fixture of a wider scope makes while a test is set up belongs to that fixture, and is not
the test's. A loop that ends kills the green threads that are left on it, so for those of the test
itself, the ones that run when the test function has returned are looked at again in the end: a
thread that ended because its loop did was left behind.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, final

import pytest

from greenbridge import GreenExit, GreenThread
from greenbridge._hub import HUBS
from greenbridge._loops import new_raw_loop
from greenbridge._originals import get_ident
from greenbridge._report import describe
from greenbridge.testing import Leaks

from ._main_hub import be_green, end_idle_hubs
from ._running import _HERE, Current

if TYPE_CHECKING:
    from collections.abc import Generator

_KEY: Final = "greenbridge leaks"
_TITLE: Final = f"Captured {_KEY} teardown"  # what pytest makes of the key


@final
class Watcher:
    """The hooks around each test, where the tests run."""

    def __init__(self, fail: bool, green: bool) -> None:
        self._fail = fail
        self._green = green  # whether the main program is green in each test
        self._leaks: Leaks | None = None
        self._told: list[str] = []
        self._running: set[GreenThread] = set()
        loop = new_raw_loop()  # the first uvloop of a process opens two pipes that stay
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        end_idle_hubs()
        if self._green:
            be_green()  # its descriptors are not the test's, whatever goes on with it
        self._told = []
        self._running = set()
        self._leaks = Leaks()
        yield

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        if fixturedef.scope == "function" or self._leaks is None:
            return (yield)
        since = Leaks()
        try:
            return (yield)
        finally:
            self._leaks.accept(since)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        before = _threads()
        Current.tell_left = self._told.append
        try:
            yield
        finally:
            Current.tell_left = None
            self._running = _threads() - before

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        yield
        leaks, self._leaks = self._leaks, None
        if leaks is None:
            return
        end_idle_hubs()
        left = [f"green threads that still ran, and were killed: {text}" for text in self._told]
        cut = {t for t in self._running if t.hub.closed and isinstance(t.value, GreenExit)}
        if cut:
            left.append(
                f"green threads that ran until their loop ended: {describe(cut, without=_HERE)}"
            )
        self._running = set()
        left += leaks.left()
        if not left:
            return
        text = "\n".join(left)
        if self._fail:
            pytest.fail(f"{item.nodeid} has left behind {text}", pytrace=False)
        item.add_report_section("teardown", _KEY, text)


@final
class Reporter:
    """The hooks that list them in the end, where the report is written."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            for title, text in report.sections:
                if title == _TITLE:
                    self._found[report.nodeid] = text

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._found:
            return
        terminalreporter.section("greenbridge leaks")
        for nodeid, text in sorted(self._found.items()):
            terminalreporter.line(f"{nodeid} has left behind", yellow=True)
            for line in text.splitlines():
                terminalreporter.line(f"    {line}")


def _threads() -> set[GreenThread]:
    own = get_ident()
    return {t for hub in HUBS if hub.ident == own and not hub.closed for t in hub.threads}
