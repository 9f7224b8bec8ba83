"""``@pytest.mark.green``, ``pytest_greenbridge.fixture``: tests and fixtures in green threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .green_suites import run as run

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., pytest.RunResult]


pytest_plugins = ["pytester"]


def test_test_runs_in_a_green_thread(run: Run) -> None:
    result = run(
        """
        seen = []

        @pytest.mark.green
        def test_green():
            assert isinstance(greenbridge.getcurrent(), greenbridge.GreenThread)
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()  # it behaves as a thread
            assert await_(asyncio.sleep(0, "awaited")) == "awaited"
            assert spawn(lambda: "spawned").get() == "spawned"
            with pytest.raises(Timeout), Timeout(0.01):
                sleep(60)
            seen.append(1)

        def test_it_ran():
            assert seen == [1]
            with pytest.raises(greenbridge.NoPortalError):
                await_(asyncio.sleep(0))
        """
    )
    result.assert_outcomes(passed=2)


def test_outcomes_are_those_of_any_test(run: Run) -> None:
    result = run(
        """
        pytestmark = pytest.mark.green

        def test_skip(): pytest.skip("for a reason")
        def test_xfail(): pytest.xfail("for a reason")
        @pytest.mark.xfail(strict=True, raises=KeyError)
        def test_marked(): sleep(0.001); {}[1]
        @pytest.mark.skipif(True, reason="not now")
        def test_skipped(): raise AssertionError
        def test_fail(): pytest.fail("said so")
        def test_assert(): assert await_(asyncio.sleep(0, 1)) == 2
        def test_exit_code(): raise SystemExit(3)
        def test_silent_end(): raise greenbridge.GreenExit
        def test_cancelled(): raise asyncio.CancelledError
        def test_raises():
            with pytest.raises(ValueError, match="inside"):
                spawn(int, "inside").get()
        """,
        "-rA",
    )
    result.assert_outcomes(passed=1, skipped=2, xfailed=2, failed=5)
    result.stdout.fnmatch_lines(["E   assert 1 == 2", "FAILED *test_fail - Failed: said so"])
    # Traceback of a failed test begins with the test.
    result.stdout.no_fnmatch_line("*_running.py*")


def test_parametrized_tests_classes_and_methods(run: Run) -> None:
    result = run(
        """
        @pytest.mark.green
        @pytest.mark.parametrize("number", [1, 2])
        def test_numbers(number):
            assert await_(asyncio.sleep(0, number)) == number

        class Base:
            @pytest.mark.green
            def test_inherited(self):
                self.ran = isinstance(greenbridge.getcurrent(), greenbridge.GreenThread)
                assert self.ran

        class TestPlain(Base):
            def test_is_not_green(self):
                assert not greenbridge.is_green()

        class TestOverrides(Base):
            @pytest.mark.green
            def test_inherited(self):
                super().test_inherited()  # the function as it was written
                assert self.ran

        @pytest.mark.green
        class TestMarked:
            def setup_method(self): self.value = 5
            def test_method(self): assert await_(asyncio.sleep(0, self.value)) == 5

        @pytest.mark.green
        class TestOthers:
            @staticmethod
            def test_static(): await_(asyncio.sleep(0))
            @classmethod
            def test_class(cls): await_(asyncio.sleep(0))
            @pytest.mark.asyncio
            async def test_coroutine(self): await asyncio.sleep(0)
        """,
        "-v",
    )
    result.assert_outcomes(passed=9)
    result.stdout.fnmatch_lines(
        ["*::test_numbers?1? PASSED*", "*::TestOthers::test_static PASSED*"]
    )


def test_fixtures_of_every_kind_in_order(run: Run) -> None:
    result = run(
        """
        order = []
        variable = contextvars.ContextVar("variable", default="unset")

        @pytest.fixture
        def plain():
            order.append("plain up"); yield; order.append("plain down")

        @pytest_asyncio.fixture
        async def coroutine(plain):
            order.append("async up"); yield; await asyncio.sleep(0); order.append("async down")

        @pytest_greenbridge.fixture
        def green(coroutine):
            token = variable.set("green")
            thread = threading.get_ident(), greenbridge.getcurrent()
            order.append(f"green up {await_(asyncio.sleep(0, 1))}")
            yield "yielded"
            assert thread == (threading.get_ident(), greenbridge.getcurrent())
            variable.reset(token)
            sleep(0.001)
            order.append("green down")

        @pytest_greenbridge.fixture(name="renamed", params=["a", "b"])
        def returned(request, green):
            sleep(0.001)
            return request.param

        @pytest.mark.green
        def test_green(green, renamed):
            assert green == "yielded" and renamed in "ab"
            assert variable.get() == "green"
            variable.set("of the test")

        @pytest.mark.asyncio
        async def test_async(green): assert variable.get() == "green"
        def test_sync(green): assert variable.get() == "green"

        def test_order():
            once = ["plain up", "async up", "green up 1", "green down", "async down", "plain down"]
            assert order == once * 4
            assert variable.get() == "unset"
        """
    )
    result.assert_outcomes(passed=5)


def test_fixture_of_a_wider_scope_keeps_what_it_has_spawned(run: Run) -> None:
    result = run(
        """
        @pytest_greenbridge.fixture(scope="module", loop_scope="module")
        def server():
            thread = spawn(sleep, 1000)
            yield thread
            thread.kill()
            assert spawn(sleep, 0.001).get() is None  # its own loop runs, not that of the last test

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def loop():
            return asyncio.get_running_loop()

        @pytest.mark.green(loop_scope="module")
        def test_one(server, loop): assert server and await_(loop_of_await()) is loop
        @pytest.mark.green
        def test_two(server, loop): assert server and await_(loop_of_await()) is not loop
        @pytest.mark.green
        @pytest.mark.asyncio(loop_scope="module")
        def test_three(server, loop): assert server and await_(loop_of_await()) is loop
        """
    )
    result.assert_outcomes(passed=3)


def test_errors_of_fixtures(run: Run) -> None:
    result = run(
        """
        @pytest_greenbridge.fixture
        def fails(): sleep(0); raise ValueError("up")
        @pytest_greenbridge.fixture
        def fails_at_the_end(): yield; sleep(0); raise ValueError("down")
        @pytest_greenbridge.fixture
        def never():
            if False: yield
        @pytest_greenbridge.fixture
        def twice(): yield; yield
        @pytest_greenbridge.fixture
        def skips(): yield pytest.skip("no server")

        pytestmark = pytest.mark.green
        def test_fails(fails): pass
        def test_fails_at_the_end(fails_at_the_end): pass
        def test_never(never): pass
        def test_twice(twice): pass
        def test_skips(skips): pass
        """
    )
    result.assert_outcomes(passed=2, errors=4, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*ValueError: up",
            "*ValueError: down",
            "*fixture never did not yield*",
            "*fixture twice has yielded a second time*",
        ]
    )


def test_time_limit_shows_the_line_that_waits(run: Run) -> None:
    result = run(
        """
        @pytest.mark.green(timeout=0.05)
        def test_slow():
            sleep(60)

        @pytest.mark.green(timeout=110)
        def test_own_timeout():
            with Timeout(0.01):
                sleep(60)

        @pytest.mark.green(timeout=110)
        def test_quick(): sleep(0.001)
        """
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            ">*sleep(60)",
            "E *Failed: the test took longer than 0.05 seconds: its mark is green(timeout=0.05)",
            "E *Timeout: 0.01 seconds",
        ]
    )


def test_result_that_is_not_none(run: Run) -> None:
    result = run(
        """
        @pytest.mark.green
        def test_returns(): return 1 == 2
        """,
        *("-W", "default::pytest.PytestReturnNotNoneWarning"),
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines("*test_returns() returned <class 'bool'>*")


def test_hypothesis(run: Run) -> None:
    pytest.importorskip("hypothesis", reason="hypothesis is in the extra 'test'")
    result = run(
        """
        from hypothesis import given, settings, strategies

        @pytest.mark.green
        @given(strategies.integers())
        @settings(deadline=None, max_examples=20)
        def test_examples(number):
            assert await_(asyncio.sleep(0, number)) == number
        """
    )
    result.assert_outcomes(passed=1)


def test_patched_suite_has_green_tests_too(run: Run) -> None:
    result = run(
        """
        @pytest_greenbridge.fixture
        def value():
            time.sleep(0.001)
            yield 5
            time.sleep(0.001)

        @pytest.mark.green
        def test_green(value):
            with greenbridge.testing.assert_switches():
                time.sleep(0.001)
            thread = threading.Thread(target=time.sleep, args=(0.001,))
            thread.start()
            thread.join()
            assert asyncio.run(asyncio.sleep(0, value)) == 5

        @pytest.mark.asyncio
        async def test_async(value): assert value == 5
        """,
        "--greenbridge-patch",
    )
    result.assert_outcomes(passed=2)
