"""The pytest plugin runs a whole suite patched, and does nothing unless asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]


# What a patched suite sees: names that its modules copy are green, and its main program is.
SUITE = """
    import asyncio, threading
    from time import sleep

    import greenbridge
    from greenbridge.testing import assert_switches

    async def answer():
        await asyncio.sleep(0.001)
        return 42

    def test_copied_name_waits_greenly():
        with assert_switches():
            sleep(0.001)

    def test_asyncio_run_leaves_the_next_test_green():
        assert asyncio.run(answer()) == 42

    def test_main_program_awaits():
        assert greenbridge.await_(answer()) == 42

    def test_threads_are_green():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(greenbridge.await_(answer())))
        thread.start()
        thread.join()
        assert seen == [42]
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run pytest in a new interpreter, with the plugin."""

    def start(*options: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess("-p", "pytest_greenbridge", *options, timeout=110)

    return start


def test_nothing_of_greenbridge_is_imported_unless_asked(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_core_is_not_there():
            heavy = {"greenbridge", "greenlet", "uvloop"}
            assert "pytest_greenbridge" in sys.modules
            assert not heavy & set(sys.modules)
        """
    )
    result = run("-p", "no:asyncio", "-p", "no:anyio")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("greenbridge 0*")


def test_suite_runs_patched(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makeconftest("from time import sleep")
    pytester.makepyfile(
        SUITE
        + """
    def test_conftest_has_the_green_name(request):
        import conftest
        assert conftest.sleep is sleep is not greenbridge.original("time", "sleep")
    """
    )
    result = run("--greenbridge-patch")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines("greenbridge *; patched everything (* names)")


def test_suite_runs_unpatched_without_the_option(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(SUITE)
    run().assert_outcomes(passed=1, failed=3)


def test_suite_runs_patched_in_every_worker(
    pytester: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # this test may run in one itself
    pytester.makeconftest(
        """
        import os
        import greenbridge

        # The process that hands out the tests is left as it is.
        assert greenbridge.is_module_patched("time") == ("PYTEST_XDIST_WORKER" in os.environ)
        """
    )
    pytester.makepyfile(SUITE)
    result = run("--greenbridge-patch", "-n2", "--dist=loadfile")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines("greenbridge *; patched everything (in each worker)")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--greenbridge-only=time,os"], "patched time, os (*"),
        (["--greenbridge-only=time", "--greenbridge-only=os"], "patched time, os (*"),
        (["--greenbridge-exclude=ssl, select"], "patched everything without ssl, select (*"),
        (["-o", "greenbridge_patch=true", "-o", "greenbridge_only=time os"], "patched time, os (*"),
        (
            ["-o", "greenbridge_exclude=ssl select", "--greenbridge-patch"],
            "*without ssl, select (*",
        ),
    ],
)
def test_what_is_patched_can_be_chosen(
    pytester: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    options: list[str],
    said: str,
) -> None:
    pytester.makepyfile(
        """
        import greenbridge

        def test_some():
            assert greenbridge.is_module_patched("time")
            assert not greenbridge.is_module_patched("select")
        """
    )
    result = run(*options)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(f"greenbridge *; {said}")


def test_names_in_the_ini_file_alone_patch_nothing(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makeini("[pytest]\ngreenbridge_only = time")
    pytester.makepyfile(
        """
        import greenbridge

        def test_nothing():
            assert not greenbridge.patched()
        """
    )
    run().assert_outcomes(passed=1)


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
def test_loop_can_be_chosen(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], name: str
) -> None:
    if name == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop does not exist here")
    pytester.makepyfile(
        f"""
        import asyncio

        async def kind():
            return type(asyncio.get_running_loop()).__module__.partition(".")[0]

        def test_kind():
            assert asyncio.run(kind()) == {name!r}
        """
    )
    result = run("--greenbridge-patch", f"--greenbridge-loop={name}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(f"greenbridge *; loop {name}")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_suite_with_loop_factories_of_its_own(
    loop: str, pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makeconftest(
        """
        import asyncio, uvloop

        def pytest_asyncio_loop_factories(config, item):
            return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
        """
    )
    pytester.makepyfile(
        """
        import asyncio, concurrent.futures, queue, threading, time

        async def test_a_thread_beside_it():
            thread = threading.Thread(target=time.sleep, args=(0.01,))
            thread.start()
            while thread.is_alive():
                await asyncio.sleep(0.005)

        async def test_an_executor_of_its_own():
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(time.sleep, 0.001)
            with concurrent.futures.ThreadPoolExecutor() as executor:
                await loop.run_in_executor(executor, time.sleep, 0.001)
                await asyncio.wrap_future(executor.submit(time.sleep, 0.001))

        async def test_a_queue_that_a_thread_fills():
            full = queue.Queue()
            threading.Timer(0.001, full.put, (1,)).start()
            assert full.get() == 1
        """
    )
    result = run(
        *("--greenbridge-patch", f"--greenbridge-loop={loop}", "-o", "asyncio_mode=auto"),
        *("-o", "asyncio_default_fixture_loop_scope=function"),
        *("-o", "faulthandler_timeout=30", "-o", "faulthandler_exit_on_timeout=true"),
    )
    result.assert_outcomes(passed=6)


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["here", "workers"])
@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("--greenbridge-only=tme", "*no patch named 'tme'*Did you mean 'time'*"),
        ("--greenbridge-exclude=tme", "*no patch named 'tme'*Did you mean 'time'*"),
        ("--greenbridge-loop=uvlop", "*no loop called 'uvlop'; write one of uvloop, asyncio*"),
        ("--override-ini=greenbridge_leaks=all", "*'all' in the ini file; write one of off*"),
    ],
)
def test_wrong_option_says_what_to_write(
    pytester: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    option: str,
    error: str,
    workers: tuple[str, ...],
) -> None:
    pytester.makepyfile("raise AssertionError('nothing is imported after a wrong option')")
    result = run(option, *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: {error}")


def test_loop_that_is_not_installed(
    pytester: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytester.makepyfile(uvloop="raise ImportError")
    pytester.makepyfile(test_one="def test_one(): pass")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    result = run("--greenbridge-loop=uvloop")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: *uvloop is not installed here*--greenbridge-loop=asyncio*")


def test_patched_by_another_library(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    if sys.version_info >= (3, 15):
        pytest.skip(reason="gevent has no release for this Python")
    pytest.importorskip("gevent", reason="gevent is in the extra 'bench'")
    pytester.makepyfile(early="from gevent import monkey; monkey.patch_all()")
    pytester.makepyfile(test_one="def test_one(): pass")
    pytester.syspathinsert()
    result = pytester.runpytest_subprocess(
        "-p", "early", "-p", "pytest_greenbridge", "--greenbridge-patch", timeout=60
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: *gevent*")


def test_plugin_that_comes_too_late_says_so(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ngreenbridge_patch = true")
    pytester.makeconftest("pytest_plugins = ['pytest_greenbridge']")
    pytester.makepyfile("def test_one(): pass")
    result = pytester.runpytest_subprocess("-p", "no:pytest_greenbridge", timeout=110)
    assert result.ret == 0  # a plugin that is blocked is not loaded by a conftest file either
    result = pytester.runpytest_subprocess("--disable-plugin-autoload", timeout=110)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: *too late*-p pytest_greenbridge*")
