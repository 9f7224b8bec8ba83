"""``run_sync`` and ``async_``: a blocking function in a coroutine, without a thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import LoopMismatchError, run_sync, sleep
from greenbridge.testing import assert_switches

from .green import LONG, SHORT

if TYPE_CHECKING:
    from collections.abc import Callable

    Factory = Callable[[], asyncio.AbstractEventLoop]


class Boom(Exception):
    pass


async def sleeper(seconds: float = SHORT) -> str:
    with assert_switches():
        sleep(seconds)
    return "slept"


async def beats(count: int) -> int:
    for _ in range(count):
        await asyncio.sleep(0)
    return count


# -- coroutine wrappers ------------------------------------------------------------------------


async def test_closing_a_coroutine_that_is_parked_in_sync_code_unwinds_it() -> None:
    log: list[str] = []

    def body() -> None:
        try:
            sleep(LONG)
        except GeneratorExit:
            log.append("closed")
            raise

    coro: Any = run_sync(body)
    coro.send(None)
    coro.close()
    assert log == ["closed"]
    coro = run_sync(body)
    coro.close()
    coro.close()
    assert log == ["closed"]


@pytest.mark.green_tasks
async def test_in_green_code_it_is_just_the_call() -> None:
    def body() -> str:
        with assert_switches(exactly=2):
            sleep(SHORT)
            sleep(0)
        return "result"

    coro: Any = run_sync(body)
    with pytest.raises(StopIteration) as stop:
        coro.send(None)  # the wait in it is the wait of this Task
    assert stop.value.value == "result"
    with pytest.raises(RuntimeError, match="already awaited"):
        coro.send(None)


# -- run_sync and async_ -----------------------------------------------------------------------


async def test_run_sync_parks_a_plain_task() -> None:
    def body(a: int, *, b: int) -> int:
        assert greenbridge.is_green()
        with assert_switches():
            sleep(SHORT)
        return a + b

    beat = asyncio.ensure_future(beats(5))
    assert await run_sync(body, 1, b=2) == 3
    assert beat.done()
    assert not greenbridge.is_green()


@pytest.mark.green_tasks
async def test_run_sync_in_a_green_task() -> None:
    assert await run_sync(lambda: greenbridge.await_(run_sync(greenbridge.is_green)))


async def test_run_sync_raises_what_the_function_raises() -> None:
    def fail(error: type[BaseException]) -> None:
        sleep(0)
        raise error

    with pytest.raises(Boom):
        await run_sync(fail, Boom)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await run_sync(fail, StopIteration)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await run_sync(next, iter(()))


async def test_run_sync_can_be_cancelled_and_timed_out() -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(run_sync(sleep, LONG), SHORT)
    task = asyncio.ensure_future(run_sync(sleep, LONG))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_many_run_sync_at_once() -> None:
    assert await asyncio.gather(*[run_sync(sleep, SHORT) for _ in range(300)]) == [None] * 300


def test_run_sync_refuses_bad_input_at_once() -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="needs a function"):
            await run_sync(1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="coroutine"):
            await run_sync(beats(1))  # type: ignore[arg-type]

    asyncio.run(main())
    with pytest.raises(LoopMismatchError):
        _ = run_sync(print)


async def test_async_makes_a_coroutine_function_of_a_def() -> None:
    @greenbridge.async_
    def legacy(a: int) -> int:
        """Docs."""
        sleep(0)
        return a

    assert legacy.__name__ == "legacy"
    assert legacy.__doc__ == "Docs."
    assert await legacy(3) == 3
    with pytest.raises(TypeError):
        greenbridge.async_(beats)
