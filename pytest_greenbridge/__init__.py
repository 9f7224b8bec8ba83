"""The pytest plugin of greenbridge: green tests and fixtures, and whole suites run patched.

pytest loads it wherever greenbridge is installed, so it is a package of its own: to import it
imports nothing of greenbridge, which a suite that does not ask for it must not notice.
"""

from __future__ import annotations

import pytest

from ._options import add_options, settings

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
    if settings(config).asked and not config.stash.get(_PREPARED, False):
        raise pytest.UsageError(
            "pytest_greenbridge was loaded when conftest files had been imported already, too late "
            "for what was asked of it: it was named in pytest_plugins, most probably. Write "
            "-p pytest_greenbridge on the command line or in addopts"
        )


def pytest_report_header(config: pytest.Config) -> str | None:
    asked = settings(config)
    if not asked.asked:
        return None
    from ._early import header

    return header(asked)
