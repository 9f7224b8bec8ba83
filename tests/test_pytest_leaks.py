"""``--greenbridge-leaks`` tells what a test has left, and ``--greenbridge-loop`` on which loops."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]

pytest_plugins = ["pytester"]

LEAKY = """
    import asyncio, os, pytest, greenbridge, pytest_asyncio, pytest_greenbridge
    from greenbridge import sleep, spawn

    kept = []

    def test_descriptor():
        kept.append(open(os.devnull))

    @pytest.mark.green
    def test_green_thread():
        spawn(sleep, 1000)

    @pytest.mark.asyncio
    async def test_thread_on_a_loop_that_ends():
        spawn(sleep, 1000)
        await asyncio.sleep(0.001)
"""

CLEAN = """
    @pytest.fixture(scope="module")
    def opened():
        with open(os.devnull) as file:
            yield file

    @pytest_greenbridge.fixture(scope="module", loop_scope="module")
    def server():
        thread = spawn(sleep, 1000)
        yield thread
        thread.kill()

    @pytest_greenbridge.fixture
    def own(server):
        thread = spawn(sleep, 1000)
        yield thread
        thread.kill()

    @pytest.mark.green
    @pytest.mark.parametrize("number", [1, 2])
    def test_uses_fixtures(opened, server, own, number):
        assert not own.ready() and not server.ready()
        spawn(sleep, 0.001).join()

    def test_uses_them_in_a_plain_test(opened, own): pass

    def test_runs_a_loop():
        asyncio.run(asyncio.sleep(0.001))
        spawn(sleep, 0.001).join()  # starts the main program's own loop

    @pytest.mark.green
    def test_closes():
        with open(os.devnull):
            sleep(0.001)
"""

# In a module of its own, and last: with a loop that is not idle, the main program runs no other.
LEAKY_MAIN = """
    from greenbridge import sleep, spawn

    kept = []

    def test_thread_of_the_main_program():
        kept.append(spawn(sleep, 1000))
"""

LEFT = [
    "*::test_descriptor has left behind*",
    "*open descriptors: *'/dev/null'*",
    "*::test_green_thread has left behind*",
    "*green threads that still ran, and were killed: *",
    '*File "*", line *, in test_green_thread',
    "*spawn(sleep, 1000)",
    "*::test_thread_on_a_loop_that_ends has left behind*",
    "*green threads that ran until their loop ended: *",
    "*in test_thread_on_a_loop_that_ends",
    "*::test_thread_of_the_main_program has left behind*",
    "*green threads that still run: *",
    "*in test_thread_of_the_main_program",
]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Write a module of tests and run it in a new interpreter."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")

    def start(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "pytest_greenbridge", *options, timeout=110)

    return start


@pytest.fixture
def leaky_and_clean(pytester: pytest.Pytester) -> str:
    """Tests that leave something behind in three ways, and many that do not; a fourth in a file."""
    pytester.makepyfile(test_z_main=LEAKY_MAIN)
    return textwrap.dedent(LEAKY) + textwrap.dedent(CLEAN)


@pytest.mark.parametrize("workers", [(), ("-n2", "--dist=loadfile")], ids=["here", "workers"])
def test_report_lists_them_in_the_end(
    run: Run, leaky_and_clean: str, workers: tuple[str, ...]
) -> None:
    result = run(leaky_and_clean, "--greenbridge-leaks=report", *workers)
    result.assert_outcomes(passed=9)
    result.stdout.fnmatch_lines(["*= greenbridge leaks =*", *LEFT])
    result.stdout.no_fnmatch_line("*test_uses*has left behind*")
    result.stdout.no_fnmatch_line("*test_runs_a_loop has left behind*")
    result.stdout.no_fnmatch_line("*test_closes has left behind*")
    assert str(result.stdout).count("has left behind") == 4


def test_error_fails_those_tests_and_no_others(run: Run, leaky_and_clean: str) -> None:
    result = run(leaky_and_clean, "-o", "greenbridge_leaks=error", "--tb=short", "-rN")
    result.assert_outcomes(passed=9, errors=4)
    result.stdout.no_fnmatch_line("*= greenbridge leaks =*")
    assert str(result.stdout).count("has left behind") == 4


def test_patched_suite_that_leaves_nothing(run: Run) -> None:
    head = LEAKY.partition("kept = []")[0]
    clean = textwrap.dedent(head) + textwrap.dedent(CLEAN)
    result = run(clean, "--greenbridge-leaks=error", "--greenbridge-patch")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines("greenbridge *; patched everything (*); leaks error")


def test_off_looks_at_nothing(run: Run, leaky_and_clean: str) -> None:
    result = run(leaky_and_clean)
    result.assert_outcomes(passed=9, warnings=1)  # the mark has its own
    result.stdout.no_fnmatch_line("*has left behind*")


KINDS = """
    import asyncio, pytest, greenbridge

    async def kind():
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    @pytest.mark.green
    @pytest.mark.parametrize("number", [1, 2])
    def test_green(request, number):
        assert greenbridge.await_(kind()) in request.node.name

    @pytest.mark.asyncio
    async def test_async(request):
        assert await kind() in request.node.name

    def test_plain(): pass
"""


def test_each_green_and_async_test_runs_on_each_loop(run: Run) -> None:
    pytest.importorskip("uvloop", reason="uvloop does not exist here")
    result = run(KINDS, "--greenbridge-loop=uvloop,asyncio", "-v")
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines("greenbridge *; loop uvloop, asyncio")
    for loop in ("uvloop", "asyncio"):
        result.stdout.fnmatch_lines(f"*::test_async?{loop}? PASSED*")
        result.stdout.fnmatch_lines(f"*::test_green?*{loop}*? PASSED*")
    result.stdout.fnmatch_lines("*::test_plain PASSED*")


def test_loop_that_does_not_exist_here_is_left_out_and_said(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(uvloop="raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    result = run(
        """
        import asyncio, pytest

        @pytest.mark.asyncio
        async def test_async():
            assert isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)
        """,
        *("-o", "greenbridge_loop=uvloop asyncio"),
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines("greenbridge *; loop asyncio (uvloop left out: not installed)")


def test_patched_suite_runs_on_one_loop(run: Run) -> None:
    result = run("", "--greenbridge-patch", "--greenbridge-loop=uvloop,asyncio")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: with --greenbridge-patch *Run pytest once for each")


def test_conftest_of_the_suite_has_the_last_word_on_loops(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makeconftest(
        """
        import asyncio

        class OwnLoop(asyncio.SelectorEventLoop): pass

        def pytest_asyncio_loop_factories():
            return {"own": OwnLoop}
        """
    )
    result = run(
        """
        import asyncio, pytest, conftest

        @pytest.mark.asyncio
        async def test_async():
            assert isinstance(asyncio.get_running_loop(), conftest.OwnLoop)
        """,
        "--greenbridge-loop=asyncio",
    )
    result.assert_outcomes(passed=1)
