"""The pytest plugin of greenbridge: green tests and fixtures, and whole suites run patched.

pytest loads it wherever greenbridge is installed, so it is a package of its own: to import it
imports nothing of greenbridge, which a suite that does not ask for it must not notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import _marks
from ._fixtures import fixture as fixture
from ._options import add_options, settings

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ("fixture",)

_PREPARED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    asked = settings(early_config)
    if asked.asked:
        from ._early import prepare

        prepare(early_config, asked)
    early_config.stash[_PREPARED] = True


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _marks.HELP)
    asked = settings(config)
    if not asked.asked:
        return
    if not config.stash.get(_PREPARED, False):
        raise pytest.UsageError(
            "pytest_greenbridge was loaded when conftest files had been imported already, too late "
            "for what was asked of it: it was named in pytest_plugins, most probably. Write "
            "-p pytest_greenbridge on the command line or in addopts"
        )
    from ._early import configure

    configure(config, asked)


def pytest_report_header(config: pytest.Config) -> str | None:
    asked = settings(config)
    if not asked.asked:
        return None
    from ._early import header

    return header(asked)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item | pytest.Collector] | None:
    if not _marks.is_marked(collector, name, obj):
        return None
    return _marks.make_items(collector, name, obj)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function):
        _marks.check(item)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    if not _marks.runs_greenly(pyfuncitem):
        return (yield)
    from ._running import Current

    Current.item = pyfuncitem
    try:
        return (yield)
    finally:
        Current.item = None
