"""Conditions and barriers: what a kill, a cancellation and a native lock do to them."""

from __future__ import annotations

import asyncio
import queue as stdlib_queue
import threading

import pytest

import greenbridge
import greenbridge.testing
from greenbridge import _sync

from .green import LONG, SHORT, in_green
from .sync_worlds import until


@in_green
def test_a_killed_condition_wait_has_the_lock_again() -> None:
    condition = _sync.Condition()
    seen = []

    def wait() -> None:
        with condition:
            try:
                condition.wait()
            finally:
                seen.append(condition._is_owned())

    waiting = greenbridge.spawn(wait)
    until(lambda: bool(condition._waiters))
    with condition:
        waiting.kill(block=False)
        greenbridge.sleep(SHORT)
        assert seen == []  # it waits for the lock
        waiting.kill(KeyError, block=False)  # and is killed once more
        greenbridge.sleep(SHORT)
    waiting.join(LONG)
    assert seen == [True]
    with condition:  # it has given it back
        pass


@in_green
def test_a_notification_for_a_killed_waiter_goes_to_the_next() -> None:
    condition = _sync.Condition()

    def wait() -> bool:
        with condition:
            return condition.wait()

    first, second = greenbridge.spawn(wait), greenbridge.spawn(wait)
    until(lambda: len(condition._waiters) == 2)
    with condition:
        condition.notify()
    first.kill(block=False)
    until(lambda: first.ready())
    if first.value is not True:  # killed before it ran
        assert second.get(timeout=LONG) is True
    else:
        with condition:
            condition.notify()
        assert second.get(timeout=LONG) is True


async def test_coroutines_use_condition_and_barrier() -> None:
    condition, barrier = _sync.Condition(), _sync.Barrier(2)
    ready: list[int] = []

    async def consume() -> bool:
        async with condition:
            return bool(await condition.wait_for_async(lambda: ready, LONG))

    consumer = asyncio.create_task(consume())
    await asyncio.sleep(SHORT)
    async with condition:
        ready.append(1)
        condition.notify_all()
    assert await consumer is True
    async with condition:
        assert await condition.wait_async(SHORT) is False
    assert sorted(await asyncio.gather(barrier.wait_async(), barrier.wait_async())) == [0, 1]
    with pytest.raises(threading.BrokenBarrierError):
        await barrier.wait_async(SHORT)


async def test_a_cancelled_coroutine_passes_on_what_it_was_given() -> None:
    lock = _sync.Lock()
    await lock.acquire_async()
    first = asyncio.create_task(lock.acquire_async())
    second = asyncio.create_task(lock.acquire_async())
    await asyncio.sleep(SHORT)
    lock.release()
    first.cancel()
    assert await second is True
    assert first.cancelled()


async def test_timeouts_of_coroutines() -> None:
    lock, semaphore = _sync.Lock(), _sync.Semaphore(0)
    async with lock:
        assert await lock.acquire_async(SHORT) is False
    assert await semaphore.acquire_async(SHORT) is False
    assert await _sync.Event().wait_async(SHORT) is False
    with pytest.raises(stdlib_queue.Empty):
        await _sync.Queue[int]().get_async(SHORT)
    with pytest.raises(stdlib_queue.Empty):
        await _sync.SimpleQueue[int]().get_async(SHORT)
    with pytest.raises(TimeoutError):
        await _sync.Outcome[int]().get_async(SHORT)


@in_green
def test_condition_over_a_native_lock_lets_others_run() -> None:
    lock = threading.Lock()
    condition = _sync.Condition(lock)

    def wait() -> bool:
        with condition:
            return condition.wait(LONG)

    waiting = greenbridge.spawn(wait)
    until(lambda: bool(condition._waiters))
    with condition:
        condition.notify()
        greenbridge.sleep(SHORT)
        assert not waiting.ready()
    assert waiting.get(timeout=LONG) is True
