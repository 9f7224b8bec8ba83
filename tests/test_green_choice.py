"""Single Tasks that are green, or are not: ensure_green, the policy, plain."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import (
    LoopMismatchError,
    NoPortalError,
    ensure_green,
    install,
    is_green,
    new_event_loop,
    plain,
    plain_tasks,
    run_sync,
    sleep,
    spawn,
    uninstall,
)
from greenbridge.testing import assert_switches

from .green import SHORT
from .green_choice import current_loop, where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Factory = Callable[[], asyncio.AbstractEventLoop]


@ensure_green
async def decorated(value: int) -> tuple[int, bool]:
    """Its text."""
    return value, await where()


async def test_ensure_green_makes_a_coroutine_green_in_a_plain_task() -> None:
    assert not is_green()
    assert await ensure_green(where())
    assert await decorated(1) == (1, True)
    assert not is_green()
    assert await asyncio.create_task(ensure_green(where()))
    assert inspect.iscoroutinefunction(decorated)
    assert decorated.__doc__ == "Its text."
    beside = asyncio.create_task(asyncio.sleep(SHORT))
    with assert_switches():
        await ensure_green(run_sync(sleep, 2 * SHORT))
    assert beside.done()


@pytest.mark.green_tasks
async def test_ensure_green_changes_nothing_in_green_code() -> None:
    assert await ensure_green(where())
    assert await decorated(1) == (1, True)
    await ensure_green()
    assert await spawn(lambda: greenbridge.await_(decorated(2))) == (2, True)


async def test_ensure_green_says_that_a_task_cannot_become_green() -> None:
    with pytest.raises(NoPortalError, match="@ensure_green"):
        await ensure_green()
    await run_sync(lambda: greenbridge.await_(ensure_green()))


def test_ensure_green_refuses_other_things() -> None:
    for thing in (int, 1, sleep):
        with pytest.raises(TypeError, match="coroutine"):
            ensure_green(thing)
    with pytest.raises(LoopMismatchError, match="no event loop"):
        ensure_green(where())  # type: ignore[unused-coroutine]


async def test_errors_results_and_cancellation_pass_through_ensure_green() -> None:
    async def fails() -> None:
        sleep(0)
        raise ZeroDivisionError

    async def waits() -> None:
        try:
            sleep(30)
        finally:
            await asyncio.sleep(0)
            log.append("cleaned up")

    log: list[str] = []
    with pytest.raises(ZeroDivisionError):
        await ensure_green(fails())
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ensure_green(waits()), SHORT)
    assert log == ["cleaned up"]


@pytest.fixture
def policy() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.14 gives up policies
        asyncio.set_event_loop_policy(greenbridge.EventLoopPolicy())
        yield
        asyncio.set_event_loop_policy(None)


@pytest.mark.usefixtures("policy")
def test_the_policy_makes_loops_with_green_tasks() -> None:
    assert asyncio.run(where())
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(where())
    loop.close()


def test_the_loop_factory() -> None:
    if sys.version_info >= (3, 12):
        assert asyncio.run(where(), loop_factory=new_event_loop)
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            assert runner.run(where())
    loop = new_event_loop()
    try:
        future = asyncio.run_coroutine_threadsafe(where(), loop)
        loop.run_until_complete(asyncio.wrap_future(future, loop=loop))
        assert future.result() is True
    finally:
        loop.close()


@plain
async def stays_plain() -> bool:
    return await where()


def twice(fn: Any) -> Any:
    """A decorator whose functions all have the same code."""
    import functools

    @functools.wraps(fn)
    async def wrapper() -> Any:
        await fn()
        return await fn()

    return wrapper


@plain
@twice
async def wrapped_and_plain() -> bool:
    return await where()


@twice
async def wrapped() -> bool:
    return await where()


@pytest.mark.green_tasks
async def test_one_function_or_one_coroutine_stays_plain() -> None:
    assert is_green()
    assert not await asyncio.create_task(stays_plain())
    assert not await asyncio.create_task(wrapped_and_plain())
    assert await asyncio.create_task(wrapped())
    assert not await asyncio.create_task(plain(where()))
    assert await asyncio.create_task(where())
    assert await stays_plain()  # it is the Task that counts
    assert inspect.iscoroutinefunction(stays_plain)
    for thing in (sleep, 1, int):
        with pytest.raises(TypeError, match="plain"):
            plain(thing)


@pytest.mark.green_tasks
async def test_plain_coroutines_are_not_kept() -> None:
    coro = plain(where())
    ref = weakref.ref(coro)
    task = asyncio.create_task(coro)
    await task
    del coro, task
    await asyncio.sleep(0)
    gc.collect()
    assert ref() is None


@pytest.mark.green_tasks
async def test_tasks_of_other_code_stay_plain() -> None:
    async def makes_tasks() -> list[bool]:
        return list(await asyncio.gather(where(), where()))

    with plain_tasks():
        task = asyncio.create_task(makes_tasks())
    assert await task == [False, False]
    assert await makes_tasks() == [True, True]


async def test_modules_whose_coroutines_stay_plain() -> None:
    package = __name__.partition(".")[0]
    other: dict[str, Any] = {"__name__": f"{package}_other.module", "where": where}
    exec("async def elsewhere(): return await where()", other)
    loop = current_loop()
    install(plain=[package])
    assert not await loop.create_task(where())
    assert await loop.create_task(other["elsewhere"]())
    install(plain=[f"{package}_other"])
    assert not await loop.create_task(where())
    assert not await loop.create_task(other["elsewhere"]())
    uninstall()
    install()
    assert await loop.create_task(where())
    with pytest.raises(TypeError, match="list"):
        install(plain="aiohttp")
