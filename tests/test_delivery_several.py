"""Interrupts and cancellations that meet: several at once, swallowed ones, and late ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import GreenExit, Timeout, await_, run_sync, sleep, spawn, spawn_later
from greenbridge._hubs import current_hub

from .delivery_waits import (
    cancelling,
    in_sync_code,
    needs_counting,
    the_task,
)
from .green import LONG, SHORT, in_green, until_parked, until_waiting

if TYPE_CHECKING:
    from collections.abc import Callable


ENDS = (asyncio.CancelledError, GreenExit, Timeout)


def collect(log: list[str], waits: list[Callable[[float], object]]) -> None:
    """Wait, again and again, and note what each wait ends with."""
    for wait in waits:
        try:
            wait(LONG)
        except ENDS as exc:
            log.append(type(exc).__name__)
        else:
            log.append("nothing")


def awaits(seconds: float) -> None:
    await_(asyncio.sleep(seconds))


@needs_counting
@in_green
@pytest.mark.parametrize("first", ["kill", "cancel"])
@pytest.mark.parametrize("waits", [[awaits, sleep], [sleep, awaits], [awaits] * 2, [sleep] * 2])
def test_a_kill_and_a_cancellation_at_the_same_time_are_both_raised(
    first: str, waits: list[Callable[[float], object]]
) -> None:
    log: list[str] = []

    def body() -> None:
        tasks.append(await_(the_task()))
        collect(log, [*waits, lambda _: awaits(0), lambda _: sleep(0)])

    tasks: list[Any] = []
    thread = spawn(body)
    until_parked(thread)
    (task,) = tasks
    if first == "kill":
        thread.kill(block=False)
        task.cancel()
    else:
        task.cancel()
        thread.kill(block=False)
    thread.get()
    assert sorted(log[:2]) == ["CancelledError", "GreenletExit"]
    assert log[2:] == ["nothing"] * 2
    assert task.cancelling() == 1  # the one that nobody has taken back


@in_green
def test_two_kills_are_raised_one_after_the_other() -> None:
    class First(BaseException):
        pass

    def body() -> list[str]:
        log = []
        for _ in range(2):
            try:
                await_(asyncio.sleep(LONG))
            except (First, GreenExit) as exc:
                log.append(type(exc).__name__)
        await_(asyncio.sleep(0))
        return log

    thread = spawn(body)
    until_parked(thread)
    thread.kill(First, block=False)
    thread.kill(block=False)
    assert thread.get() == ["First", "GreenletExit"]


@in_green
def test_a_second_kill_comes_while_the_first_is_cleaned_up() -> None:
    log: list[str] = []

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            try:
                await asyncio.sleep(LONG)
            except asyncio.CancelledError:
                log.append("the cleaning up was cancelled")
                raise

    def body() -> None:
        try:
            await_(cleans_up())
        except GreenExit:
            log.append("killed")
        try:
            sleep(LONG)
        except GreenExit:
            log.append("killed again")
        sleep(0)

    thread = spawn(body)
    until_parked(thread)
    thread.kill(block=False)
    sleep(0)
    until_parked(thread)
    thread.kill(block=False)
    thread.get()
    assert log == ["the cleaning up was cancelled", "killed", "killed again"]


@needs_counting
@pytest.mark.green_tasks
async def test_a_timeout_that_meets_a_cancellation_lets_it_through() -> None:
    async def body() -> None:
        with Timeout(LONG) as limit:
            limits.append(limit)
            await asyncio.sleep(LONG)

    limits: list[Any] = []
    task = asyncio.create_task(body())
    await until_waiting(task)
    limits[0]._when = 0
    limits[0].due(1)  # its time is over
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelling(task) == 1


@needs_counting
@pytest.mark.green_tasks
async def test_nested_timeouts_that_fire_at_once_end_as_the_outer_one() -> None:
    waits: list[Callable[[], Any]]
    waits = [lambda: asyncio.sleep(LONG), lambda: run_sync(sleep, LONG), in_sync_code]
    for wait in waits:
        with pytest.raises(Timeout) as caught, Timeout(SHORT) as outer, Timeout(SHORT, False):
            await wait()
        # The inner one had been cancelled by the outer one as well; so it let it pass.
        assert caught.value is outer
        assert cancelling() == 0
        await asyncio.sleep(0)


@needs_counting
@in_green
def test_a_kill_that_a_coroutine_swallows_is_gone_and_still_counted() -> None:
    async def swallows() -> int:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            pass
        await asyncio.sleep(0)
        return cancelling()

    async def swallows_and_says_so() -> int:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            (await the_task()).uncancel()
        return cancelling()

    def body() -> list[int]:
        counts = [await_(swallows()), cancelling(await_(the_task()))]
        counts.append(await_(swallows_and_says_so()))
        sleep(0)
        return counts

    thread = spawn(body)
    for _ in range(2):
        until_parked(thread)
        thread.kill(block=False)
        sleep(SHORT)
    assert thread.get() == [1, 1, 1]


@in_green
def test_a_kill_that_only_an_awaited_task_swallows_comes_at_the_next_wait() -> None:
    async def swallows() -> str:
        begun.append(True)
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            pass
        return "result"

    async def task_of(coro: Any) -> Any:
        return asyncio.ensure_future(coro)

    def body() -> tuple[str, str, int]:
        value = await_(await_(task_of(swallows())))
        try:
            sleep(LONG)
        except GreenExit:
            return value, "killed", cancelling(await_(the_task()))
        return value, "", 0

    begun: list[bool] = []
    thread = spawn(body)
    while not begun:
        sleep(0)
    until_parked(thread)
    thread.kill(block=False)
    assert thread.get() == ("result", "killed", 0)


@needs_counting
@pytest.mark.green_tasks
async def test_what_comes_with_the_wake_of_a_sync_wait_is_raised_at_the_next_await() -> None:
    event = greenbridge.Event()

    async def body() -> str:
        with Timeout(LONG) as limit:
            limits.append(limit)
            event.wait()
            log.append("woken")
            await asyncio.sleep(LONG)
        return "not reached"

    async def leaves_at_once() -> str:
        with Timeout(LONG) as limit:
            limits.append(limit)
            event.wait()
        await asyncio.sleep(0)
        sleep(0)
        assert cancelling() == 0
        return "left"

    log: list[str] = []
    for coro in body, leaves_at_once:
        event.clear()
        limits: list[Any] = []
        task = asyncio.create_task(coro())
        await until_waiting(task)
        event.set()
        limits[0]._when = 0
        limits[0].due(1)
        if coro is body:
            with pytest.raises(Timeout):
                await task
        else:
            assert await task == "left"
    assert log == ["woken"]


@in_green
def test_finally_blocks_may_wait_and_await_in_threads_and_coroutines() -> None:
    log: list[str] = []

    async def coroutine() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            await asyncio.sleep(SHORT)
            sleep(SHORT)
            log.append("coroutine")

    def body() -> None:
        try:
            await_(coroutine())
        finally:
            sleep(SHORT)
            await_(asyncio.sleep(SHORT))
            log.append("thread")

    thread = spawn(body)
    until_parked(thread)
    thread.kill()
    assert log == ["coroutine", "thread"]
    assert isinstance(thread.value, GreenExit)


@in_green
def test_an_interrupt_for_the_program_cancels_what_it_awaits() -> None:
    seen: list[str] = []

    async def coroutine() -> None:
        try:
            await asyncio.sleep(LONG)
        except BaseException as exc:
            seen.append(type(exc).__name__)
            raise

    hub: Any = current_hub()
    spawn(hub.root.interrupt, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await_(coroutine())  # comes before the coroutine has begun
    assert seen == []
    spawn_later(SHORT, hub.root.interrupt, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await_(coroutine())
    assert seen == ["CancelledError"]
    sleep(0)
    await_(asyncio.sleep(0))
