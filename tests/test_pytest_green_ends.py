"""Green tests that do not end well: left threads, wrong marks, Ctrl-C, a debugger."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .green_suites import dedented
from .green_suites import run as run

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]

pytest_plugins = ["pytester"]


LEAVES = """
    ended = []

    def forever():
        try:
            sleep(1000)
        finally:
            sleep(0.001)
            ended.append(1)

    @pytest.mark.green
    def test_leaves():
        spawn(forever)
        sleep(0)

    def test_it_has_ended(): assert ended == [1]
"""


def test_what_a_test_leaves_running_is_killed_and_told(run: Run) -> None:
    result = run(LEAVES, "-W", "default::pytest.PytestWarning")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*LeftRunningWarning: the test has ended and left*", "*in test_leaves", "*spawn(forever)"]
    )


def test_what_a_test_leaves_running_fails_where_warnings_are_errors(run: Run) -> None:
    run(LEAVES).assert_outcomes(passed=1, failed=1)


def test_what_cannot_be_killed_fails_the_test(run: Run) -> None:
    result = run(
        """
        import pytest_greenbridge._running
        pytest_greenbridge._running.GRACE_S = 0.05

        def stubborn():
            for _ in range(3):
                try:
                    sleep(0.2)
                except greenbridge.GreenExit:
                    pass

        @pytest.mark.green
        def test_leaves(): spawn(stubborn); sleep(0)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*did not end within 0.05 seconds when they were killed*")


WRONG = [
    ("@pytest.mark.green(5)\ndef test_it(): pass", "*green got 5, and takes timeout=*"),
    ("@pytest.mark.green(timout=5)\ndef test_it(): pass", "*green got timout=5, and takes*"),
    ("@pytest.mark.green(timeout=-1)\ndef test_it(): pass", "*timeout=-1) needs a number*"),
    ("@pytest.mark.green(timeout='1')\ndef test_it(): pass", "*timeout='1') needs a number*"),
    ("@pytest.mark.green(timeout=float('nan'))\ndef test_it(): pass", "*timeout=nan) needs*"),
    ("@pytest.mark.green(loop_scope='all')\ndef test_it(): pass", "*needs one of function, class*"),
    (
        "@pytest.mark.green(loop_scope='class')\n@pytest.mark.asyncio\ndef test_it(): pass",
        "*stands beside a mark asyncio*Give it to one of them*",
    ),
    (
        "@pytest.mark.green\nasync def test_it(): pass",
        "*this is an async def*Write @pytest.mark.asyncio instead*",
    ),
    (
        "import unittest\n@pytest.mark.green\nclass TestIt(unittest.TestCase):\n"
        "    def test_it(self): pass",
        "*a unittest.TestCase runs its methods itself*IsolatedAsyncioTestCase*",
    ),
    (
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.green)])\n"
        "def test_it(x): pass",
        "*after it had been collected*Put it above the function or class*",
    ),
]


def test_wrong_mark_says_what_to_write(pytester: pytest.Pytester, run: Run) -> None:
    for number, (source, _) in enumerate(WRONG):
        pytester.makepyfile(**{f"test_{number}": "import pytest\n" + source})
    result = run("")
    result.assert_outcomes(errors=len(WRONG))
    for number, (_, error) in enumerate(WRONG):
        result.stdout.fnmatch_lines(f"test_{number}.py::*{error}")


def test_wrong_fixture_says_what_to_write(run: Run) -> None:
    run(
        """
        def test_errors():
            with pytest.raises(TypeError, match="is an async def. Write @pytest_asyncio.fixture"):
                @pytest_greenbridge.fixture
                async def coroutine(): pass

            with pytest.raises(TypeError, match="is an async def. Write @pytest_asyncio.fixture"):
                @pytest_greenbridge.fixture(scope="module")
                async def generator(): yield

            with pytest.raises(TypeError, match="put above a def, not 'module'"):
                pytest_greenbridge.fixture("module")
        """
    ).assert_outcomes(passed=1)


def test_without_pytest_asyncio(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeini("[pytest]")
    pytester.makepyfile(
        test_mark="import pytest\n@pytest.mark.green\ndef test_it(): pass",
        test_fixture="import pytest_greenbridge\n@pytest_greenbridge.fixture\ndef it(): pass",
    )
    pytester.makepyfile(pytest_asyncio="raise ImportError('there is none')")
    pytester.syspathinsert()
    options = ("-p", "pytest_greenbridge", "-p", "no:asyncio", "--continue-on-collection-errors")
    result = pytester.runpytest_subprocess(*options, timeout=110)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["*RuntimeError: *Write: pip install pytest-asyncio", "*green runs the test on the event*"]
    )
    result = pytester.runpytest_subprocess(*options, "--greenbridge-loop=asyncio", timeout=110)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: *Write: pip install 'pytest-asyncio>=1.4'")


def test_post_mortem_debugger_and_breakpoints(pytester: pytest.Pytester, run: Run) -> None:
    run("")  # writes the ini file
    pytester.makepyfile(
        dedented(
            """
            @pytest.mark.green
            def test_fails():
                local = "of the test"
                await_(asyncio.sleep(0))
                assert not local

            @pytest.mark.green
            def test_stops():
                other = "at the breakpoint"
                breakpoint()
                sleep(0.001)
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_greenbridge", "--pdb", "-s"],
        input="p local\nc\np other\nc\n",
        capture_output=True,
        text=True,
        cwd=pytester.path,
        timeout=110,
        check=False,
    )
    assert "'of the test'" in done.stdout, done.stdout + done.stderr
    assert "'at the breakpoint'" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_ctrl_c_ends_the_run_and_tears_down(pytester: pytest.Pytester, run: Run) -> None:
    run("")
    pytester.makepyfile(
        dedented(
            """
            import sys

            @pytest_greenbridge.fixture
            def fixture():
                yield
                sleep(0.001)
                print("torn down")

            @pytest.mark.green
            def test_waits(fixture):
                try:
                    print("waits", flush=True)
                    sleep(60)
                finally:
                    sleep(0.001)
                    print("finally")

            def test_next(): print("not reached")
            """
        )
    )
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "pytest_greenbridge", "-s"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=pytester.path,
    ) as process:
        assert process.stdout is not None
        said = ""
        while "waits" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        said += process.stdout.read()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "finally" in said
    assert "torn down" in said
    assert "KeyboardInterrupt" in said
    assert "not reached" not in said
