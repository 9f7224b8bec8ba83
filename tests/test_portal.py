"""``await_``: sync code waits for coroutines, futures and tasks, as the Task that it belongs to."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import traceback
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import greenbridge
from greenbridge import await_, sleep, spawn
from greenbridge.testing import assert_switches

from .green import LONG, SHORT, in_green, until_parked

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


class Boom(Exception):
    pass


async def plain(value: Any) -> Any:
    return value


async def waiting(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


class Custom:
    """Awaitable by ``__await__`` alone."""

    def __await__(self) -> Generator[Any, Any, str]:
        yield from asyncio.sleep(0).__await__()
        return "custom"


class Iterator:
    """Awaitable by an ``__await__`` that returns an iterator without ``send``."""

    def __await__(self) -> Any:
        return iter([None, None])


def everywhere(body: Callable[[], Any]) -> Callable[..., None]:
    """Run *body* in the root, in a green thread, in a green task and in a child greenlet."""

    @in_green
    def test() -> None:
        body()
        spawn(body).get()

        async def in_plain_code() -> None:
            await greenbridge.run_sync(body)

        await_(in_plain_code())

        async def task() -> None:
            body()

        loop = await_(plain_loop())
        await_(loop.create_task(task()))
        import greenlet

        spawn(lambda: greenlet.greenlet(body).switch()).get()

    test.__name__ = body.__name__
    return test


async def plain_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


@everywhere
def test_coroutines_futures_tasks_and_custom_awaitables() -> None:
    assert await_(plain(1)) == 1
    with assert_switches():
        assert await_(waiting(2)) == 2
    loop = await_(plain_loop())
    future: asyncio.Future[int] = loop.create_future()
    loop.call_later(SHORT, future.set_result, 3)
    assert await_(future) == 3
    assert await_(future) == 3  # done already
    assert await_(loop.create_task(waiting(4))) == 4
    assert await_(Custom()) == "custom"
    assert await_(Iterator()) is None


@everywhere
def test_exceptions_come_out_and_stop_iteration_too() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise Boom

    with pytest.raises(Boom):
        await_(fail())
    loop = await_(plain_loop())
    future: asyncio.Future[int] = loop.create_future()
    loop.call_soon(future.set_exception, Boom())
    with pytest.raises(Boom):
        await_(future)


@everywhere
def test_the_current_task_is_the_same_in_all_awaits() -> None:
    async def current() -> Any:
        before = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is before
        return before

    first = await_(current())
    assert isinstance(first, asyncio.Task)
    sleep(0)
    assert await_(current()) is first
    sleep(SHORT)
    assert await_(current()) is first


@everywhere
def test_context_variables_go_both_ways() -> None:
    async def inner() -> str:
        seen = VAR.get()
        VAR.set("from the coroutine")
        await asyncio.sleep(0)
        assert VAR.get() == "from the coroutine"
        return seen

    VAR.set("from sync code")
    assert await_(inner()) == "from sync code"
    assert VAR.get() == "from the coroutine"


@everywhere
def test_asyncio_timeouts_and_groups_work_inside() -> None:
    async def limited() -> str:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.sleep(LONG), SHORT)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SHORT):
                    await asyncio.sleep(LONG)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(waiting("child"))
            assert task.result() == "child"
        with anyio.move_on_after(SHORT) as scope:
            await anyio.sleep(LONG)
        assert scope.cancelled_caught
        async with anyio.create_task_group() as anyio_group:
            anyio_group.start_soon(anyio.sleep, 0)
        return "done"

    assert await_(limited()) == "done"


@everywhere
def test_asyncio_timeout_reaches_sync_code_under_the_coroutine() -> None:
    async def limited() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(greenbridge.run_sync(sleep, LONG), SHORT)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SHORT):
                    sleep(LONG)
        with anyio.move_on_after(SHORT) as scope:
            sleep(LONG)
        assert scope.cancelled_caught

    await_(limited())


@everywhere
def test_awaits_nest() -> None:
    def again(depth: int) -> int:
        return await_(deeper(depth)) if depth else 0

    async def deeper(depth: int) -> int:
        await asyncio.sleep(0)
        return again(depth - 1) + 1

    assert again(5) == 5


@in_green
def test_a_shielded_future_survives_the_kill_of_its_awaiter() -> None:
    loop = await_(plain_loop())
    future: asyncio.Future[None] = loop.create_future()

    async def shielded() -> None:
        await asyncio.shield(future)

    thread = spawn(await_, shielded())
    sleep(SHORT)
    thread.kill()
    assert thread.ready()
    assert not future.cancelled()
    future.cancel()


@in_green
def test_cancelling_the_task_of_a_green_thread_cuts_any_wait() -> None:
    def body(log: list[Any]) -> None:
        log.append(await_(current_task()))
        try:
            sleep(LONG)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def current_task() -> Any:
        return asyncio.current_task()

    log: list[Any] = []
    thread = spawn(body, log)
    sleep(SHORT)
    task = log.pop()
    assert task.cancel()
    thread.join()
    assert log == ["cancelled"]
    assert task.cancelled()
    with pytest.raises(asyncio.CancelledError):
        thread.get()


def test_a_cancelled_thread_is_not_reported_as_failed(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    from .green import run_green

    async def cancel_me() -> None:
        task: Any = asyncio.current_task()
        task.cancel()
        await asyncio.sleep(0)

    def main() -> None:
        spawn(await_, cancel_me()).join()
        gc.collect()
        sleep(0)

    run_green(main, loop_factory=loop_factory)


@in_green
def test_kill_cancels_what_is_awaited_and_waits_for_it() -> None:
    log: list[str] = []

    async def awaited() -> None:
        try:
            await asyncio.sleep(LONG)
        except BaseException as exc:
            log.append(type(exc).__name__)
            await asyncio.sleep(SHORT)
            log.append("cleaned up")
            raise

    thread = spawn(await_, awaited())
    until_parked(thread)
    thread.kill()
    assert log == ["CancelledError", "cleaned up"]
    assert isinstance(thread.get(), greenbridge.GreenExit)


@in_green
def test_a_task_that_is_awaited_is_cancelled_by_kill() -> None:
    loop = await_(plain_loop())
    task = loop.create_task(asyncio.sleep(LONG))
    thread = spawn(await_, task)
    until_parked(thread)
    thread.kill()
    assert task.cancelled()
    assert isinstance(thread.get(), greenbridge.GreenExit)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Task.uncancel is new in 3.11")
@in_green
def test_a_kill_leaves_no_cancellation_request_behind() -> None:
    async def cancelling() -> int:
        task: Any = asyncio.current_task()
        return int(task.cancelling())

    def body() -> int:
        with pytest.raises(greenbridge.GreenExit):
            await_(asyncio.sleep(LONG))
        with pytest.raises(greenbridge.GreenExit):
            sleep(LONG)
        return await_(cancelling())

    thread = spawn(body)
    for _ in range(2):
        sleep(SHORT)
        thread.kill(block=False)
    assert thread.get() == 0


@pytest.mark.skipif(sys.version_info < (3, 11), reason="cancellations are counted since 3.11")
@in_green
def test_a_cancel_beside_a_kill_is_not_lost() -> None:
    log: list[str] = []

    async def current_task() -> Any:
        return asyncio.current_task()

    def body() -> None:
        log.append(await_(current_task()))
        for wait in (lambda seconds: await_(asyncio.sleep(seconds)), sleep):
            try:
                wait(LONG)
            except (asyncio.CancelledError, greenbridge.GreenExit) as exc:
                log.append(type(exc).__name__)

    thread = spawn(body)
    sleep(SHORT)
    task: Any = log.pop()
    thread.kill(block=False)
    task.cancel()
    thread.join()
    assert sorted(log) == ["CancelledError", "GreenletExit"]


@in_green
def test_no_loop_is_visible_in_a_green_thread_but_in_its_coroutines() -> None:
    def body() -> None:
        for _ in range(2):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            assert await_(plain_loop()) is not None
        sleep(0)
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()

    spawn(body).get()


@in_green
async def test_the_loop_is_visible_in_a_green_task() -> None:
    def body() -> None:
        assert asyncio.get_running_loop() is loop
        sleep(0)
        assert asyncio.get_running_loop() is loop
        assert asyncio.current_task() is task

    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    body()
    await greenbridge.run_sync(body)


def names_of(error: BaseException) -> list[str]:
    """The functions that the traceback of *error* goes through."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


async def test_the_error_of_a_task_has_its_whole_traceback() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise Boom

    def awaits() -> None:
        await_(asyncio.ensure_future(fails()))

    for call in (spawn(awaits), greenbridge.run_sync(awaits)):
        with pytest.raises(Boom) as caught:
            await call
        names = names_of(caught.value)
        assert names[-1] == "fails"
        assert "awaits" in names
