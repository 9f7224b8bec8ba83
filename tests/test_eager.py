"""Eager Tasks: their first step runs in the middle of a step of whoever creates them."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import NoPortalError, await_, run_sync, sleep, spawn
from greenbridge.testing import assert_switches

from .green import SHORT, run_green

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager Tasks are new in 3.12")


def eager(coro: Any) -> Any:
    """A Task that is no green one, and eager, whatever the loop's factory does."""
    return asyncio.Task(coro, loop=asyncio.get_running_loop(), eager_start=True)  # type: ignore[call-arg]


async def blocks(log: list[Any]) -> str:
    log.append(greenbridge.is_green())
    sleep(SHORT)  # blocks the loop: there is nothing here that could be parked
    with pytest.raises(NoPortalError):
        await_(asyncio.sleep(0))
    future = asyncio.get_running_loop().create_future()
    with pytest.raises(NoPortalError):
        await_(future)
    log.append(asyncio.current_task().get_name())  # type: ignore[union-attr]
    await asyncio.sleep(0)
    log.append(greenbridge.is_green())
    return "done"


async def makes_one() -> None:
    mine = asyncio.current_task()
    assert mine is not None
    log: list[Any] = []
    task = eager(blocks(log))
    assert log == [False, task.get_name()]
    assert asyncio.current_task() is mine
    with assert_switches():
        sleep(SHORT)
    assert asyncio.current_task() is mine
    assert await task == "done"
    assert log == [False, task.get_name(), False]


@pytest.mark.green_tasks
async def test_a_plain_eager_task_cannot_park_in_the_step_of_the_green_one_that_makes_it() -> None:
    await asyncio.create_task(makes_one())
    await run_sync(lambda: await_(makes_one()))


def test_a_plain_eager_task_cannot_park_in_what_a_green_thread_awaits(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    def main() -> None:
        await_(makes_one())  # the root
        spawn(await_, makes_one()).get()

    run_green(main, loop_factory=loop_factory)


@pytest.mark.green_tasks
async def test_a_green_eager_task_parks_from_its_first_step_on() -> None:
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    greenbridge.install()
    order: list[str] = []

    async def child() -> str:
        order.append("child begins")
        with assert_switches():
            sleep(SHORT)
        order.append("child ends")
        return "done"

    async def parent() -> str:
        task = asyncio.create_task(child())
        order.append("parent goes on")
        with assert_switches():
            sleep(0)
        return await task

    assert await asyncio.create_task(parent()) == "done"
    assert order == ["child begins", "parent goes on", "child ends"]
    assert await run_sync(lambda: await_(parent())) == "done"
    assert await spawn(lambda: await_(parent())) == "done"
