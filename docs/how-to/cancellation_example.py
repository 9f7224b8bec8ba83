"""Cancelling what waits; see cancellation.md."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import await_, run_sync, sleep, spawn

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

log: list[str] = []


# --8<-- [start:clean]
def job() -> None:
    try:
        sleep(3600)  # or a patched recv, a lock, a query
    finally:
        await_(say("the job is over"))  # a finally block may wait and await


async def say(text: str) -> None:
    await asyncio.sleep(0.01)
    log.append(text)


async def main() -> None:
    task = asyncio.create_task(run_sync(job))
    await asyncio.sleep(0.01)
    task.cancel()  # raises CancelledError inside sleep(3600)
    try:
        await task
    except asyncio.CancelledError:
        log.append("cancelled")


# --8<-- [end:clean]


# --8<-- [start:kill]
async def answer() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        log.append("the coroutine is cancelled")
        raise


def kills() -> None:
    thread = spawn(await_, answer())
    sleep(0.01)
    thread.kill()  # returns when the coroutine and the green thread have ended


# --8<-- [end:kill]


# --8<-- [start:shield]
async def commit() -> str:
    await asyncio.sleep(0.05)
    return "committed"


def saves() -> None:
    saving = await_(in_task(commit()))
    with greenbridge.move_on_after(0.01):
        await_(asyncio.shield(saving))  # the wait ends, commit() goes on
    log.append(await_(saving))


# --8<-- [end:shield]


async def in_task(coro: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
    return asyncio.create_task(coro)


@pytest.fixture(autouse=True)
def _within_a_moment() -> Iterator[None]:
    log.clear()
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 30


def test_cancel_runs_finally() -> None:
    asyncio.run(main())
    assert log == ["the job is over", "cancelled"]


def test_kill_cancels_what_is_awaited() -> None:
    greenbridge.run(kills)
    assert log == ["the coroutine is cancelled"]


def test_a_shielded_task_goes_on() -> None:
    greenbridge.run(saves)
    assert log == ["committed"]


async def test_a_cancelled_awaiter_leaves_the_thread_alone() -> None:
    thread = spawn(sleep, 3600)

    async def waits() -> None:
        await thread

    waiter = asyncio.create_task(waits())
    await asyncio.sleep(0.01)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    await asyncio.sleep(0.01)
    assert not thread.ready()
    thread.kill(block=False)


async def test_a_cancellation_that_is_swallowed_still_counts() -> None:
    def swallows() -> str:
        try:
            sleep(3600)
        except asyncio.CancelledError:
            return "goes on"
        return "never"

    async def runs() -> tuple[str, int, int]:
        text = await run_sync(swallows)
        me: Any = asyncio.current_task()
        counts = sys.version_info >= (3, 11)  # asyncio counts since then
        return (text, me.cancelling(), me.uncancel()) if counts else (text, 1, 0)

    task = asyncio.create_task(runs())
    await asyncio.sleep(0.01)
    task.cancel()
    assert await task == ("goes on", 1, 0)
