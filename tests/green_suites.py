"""Inner suites of green tests: their head, and how they are run."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]

HEAD = """
    import asyncio, contextvars, threading, time
    import pytest, pytest_asyncio
    import greenbridge, pytest_greenbridge
    from greenbridge import Timeout, await_, sleep, spawn

    async def loop_of_await():
        return asyncio.get_running_loop()
"""


def dedented(text: str) -> str:
    return textwrap.dedent(HEAD) + textwrap.dedent(text)


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Write a module of tests and run it in a new interpreter, warnings as errors."""
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
        "addopts = --strict-markers\nfilterwarnings =\n    error\n"
    )

    def start(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(dedented(source))
        return pytester.runpytest_subprocess("-p", "pytest_greenbridge", *options, timeout=110)

    return start
