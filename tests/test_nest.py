"""``nest()``: ``asyncio.run`` in code that a running loop has called, on any loop, in any order."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import nest

from .fresh import in_fresh_python
from .green import LONG, SHORT
from .nesting import VAR, WAYS, gives, on_each_loop, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


@in_fresh_python
def test_sync_code_runs_coroutines_on_the_loop_that_runs() -> None:
    async def where() -> Any:
        return asyncio.get_running_loop(), asyncio.current_task()

    async def main() -> None:
        me = asyncio.get_running_loop(), asyncio.current_task()
        for ended in (asyncio.run(where()), me[0].run_until_complete(where())):
            assert ended[0] is me[0]
            assert ended[1] is not me[1]
            assert (asyncio.get_running_loop(), asyncio.current_task()) == me
        task = asyncio.ensure_future(gives(1))
        future = me[0].create_future()
        me[0].call_soon(future.set_result, 2)
        assert [me[0].run_until_complete(each) for each in (task, future)] == [1, 2]
        assert me[0].run_until_complete(task) == 1

    on_each_loop(main)


@in_fresh_python
def test_the_main_program_s_own_asyncio_run_can_be_nested_in() -> None:
    async def main() -> int:
        return int(run(7))

    with nest():
        assert asyncio.run(main()) == 7
    with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
        refused(main)


def refused(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    async def calls() -> None:
        coro = gives(1)
        try:
            asyncio.run(coro)
        finally:
            coro.close()

    asyncio.run(calls())


@in_fresh_python
def test_many_at_once_end_in_any_order() -> None:
    ended: list[int] = []

    async def job(i: int) -> int:
        way = WAYS[i % 2]
        result = way(i, SHORT * (10 - i % 10))
        ended.append(i)
        return int(result)

    async def main() -> None:
        ended.clear()
        assert await asyncio.gather(*[job(i) for i in range(100)]) == list(range(100))
        # Those that were begun last ended first: with a stack of loops it would be so for all.
        assert ended != sorted(ended)
        assert ended != sorted(ended, reverse=True)

    on_each_loop(main)


@in_fresh_python
def test_calls_nest_in_nested_calls() -> None:
    async def deep(depth: int) -> int:
        await asyncio.sleep(0)
        return 0 if not depth else 1 + int(asyncio.run(deep(depth - 1)))

    async def main() -> None:
        assert await asyncio.gather(*[deep(20) for _ in range(5)]) == [20] * 5

    on_each_loop(main)


@in_fresh_python
def test_cancellation_reaches_the_nested_coroutine() -> None:
    log: list[str] = []

    async def nested(name: str) -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            await asyncio.sleep(SHORT)  # the caller waits for it
            log.append(name)
            raise

    async def calls(way: Callable[..., Any]) -> None:
        try:
            if way is run:
                asyncio.run(nested("run"))
            else:
                asyncio.get_event_loop().run_until_complete(nested("run_until_complete"))
        finally:
            log.append("caller")

    async def main() -> None:
        for way in WAYS:
            log.clear()
            task = asyncio.ensure_future(calls(way))
            await asyncio.sleep(SHORT)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert log == [way.__name__, "caller"]
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(calls(way), SHORT)
            assert log == [way.__name__, "caller"] * 2
        # The nested one may be cancelled alone.
        inner = asyncio.ensure_future(nested("inner"))
        asyncio.get_running_loop().call_later(SHORT, inner.cancel)
        with pytest.raises(asyncio.CancelledError):
            asyncio.get_event_loop().run_until_complete(inner)
        me: Any = asyncio.current_task()
        assert sys.version_info < (3, 11) or not me.cancelling()

    on_each_loop(main)


@in_fresh_python
def test_time_limits_around_nested_calls() -> None:
    import anyio

    async def main() -> None:
        for way in WAYS:
            with anyio.move_on_after(SHORT) as scope:
                way(1, LONG)
            assert scope.cancelled_caught
            with pytest.raises(greenbridge.Timeout), greenbridge.Timeout(SHORT):
                way(1, LONG)
            if sys.version_info >= (3, 11):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(SHORT):
                        way(1, LONG)
            assert way(1) == 1

    on_each_loop(main)


@in_fresh_python
def test_errors_come_out_with_their_traceback() -> None:
    async def main() -> None:
        for way in WAYS:
            with pytest.raises(ZeroDivisionError) as caught:
                way(ZeroDivisionError("nested"))
            names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
            assert names[0] == "main"
            assert names[-1] == "gives"
        with pytest.raises(ValueError if sys.version_info < (3, 14) else TypeError):
            asyncio.run(1)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            asyncio.get_event_loop().run_until_complete(1)  # type: ignore[arg-type]

    on_each_loop(main)


@in_fresh_python
def test_context_variables_flow_in() -> None:
    async def nested() -> str:
        seen = VAR.get()
        VAR.set("nested")
        return seen

    async def main() -> None:
        VAR.set("caller")
        assert asyncio.run(nested()) == "caller"
        assert VAR.get() == "caller"

    on_each_loop(main)


@in_fresh_python
def test_ctrl_c_in_a_nested_coroutine() -> None:
    async def interrupts() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(LONG)

    async def main() -> None:
        try:
            asyncio.run(interrupts())
        finally:
            log.append("finally")

    log: list[str] = []
    with nest(), pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert log == ["finally"]


if sys.version_info >= (3, 11):

    @in_fresh_python
    def test_a_runner_borrows_the_loop_that_runs() -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            debug = loop.get_debug()
            with asyncio.Runner(debug=not debug) as runner:
                assert runner.get_loop() is loop
                assert loop.get_debug() is debug
                assert [runner.run(gives(i)) for i in range(3)] == [0, 1, 2]
                context = contextvars.copy_context()
                context.run(VAR.set, "given")
                assert runner.run(gets(), context=context) == "given"
                with pytest.raises((ValueError, TypeError)):
                    runner.run(1)  # type: ignore[arg-type]
            with pytest.raises(RuntimeError, match="Runner is closed"):
                runner.get_loop()
            assert not loop.is_closed()
            if sys.version_info >= (3, 14):
                with asyncio.Runner() as runner:
                    assert runner.run(loop.create_task(gives(1))) == 1  # type: ignore[arg-type]

        async def gets() -> str:
            return VAR.get()

        on_each_loop(main)
