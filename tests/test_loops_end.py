"""A loop that has ended is collected, with its hub and the greenlets that were kept for it."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
import weakref
from typing import TYPE_CHECKING

import pytest
from greenlet import greenlet

import greenbridge

from .green import LONG, run_and_close

if TYPE_CHECKING:
    from collections.abc import Callable

    LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def parks() -> None:
    greenbridge.sleep(0)
    greenbridge.spawn(greenbridge.sleep, 0).join()


async def task() -> None:
    await asyncio.sleep(0)
    await asyncio.gather(*(asyncio.create_task(asyncio.sleep(0)) for _ in range(3)))


async def parking_task() -> None:
    await task()
    parks()


def owned(factory: LoopFactory) -> None:
    greenbridge.run(parks, loop_factory=factory)


def owned_with_a_task(factory: LoopFactory) -> None:
    greenbridge.run(parking_task, loop_factory=factory)


def installed(factory: LoopFactory) -> None:
    async def main() -> None:
        greenbridge.install()
        await asyncio.create_task(parking_task())

    run_and_close(factory, main)


def installed_without_a_wait_of_ours(factory: LoopFactory) -> None:
    async def main() -> None:
        greenbridge.install()
        await asyncio.create_task(task())

    run_and_close(factory, main)


def sync_code_in_a_task(factory: LoopFactory) -> None:
    async def main() -> None:
        await greenbridge.run_sync(parks)

    run_and_close(factory, main)


def sync_code_that_does_not_wait(factory: LoopFactory) -> None:
    async def main() -> None:
        await greenbridge.run_sync(int)

    run_and_close(factory, main)


def closed_without_a_word(factory: LoopFactory) -> None:
    async def main() -> None:
        await greenbridge.run_sync(parks)

    loop = factory()
    loop.run_until_complete(main())
    loop.close()


def in_an_os_thread(factory: LoopFactory) -> None:
    def own() -> None:
        owned(factory)
        installed(factory)

    thread = threading.Thread(target=own)
    thread.start()
    thread.join(LONG)


WAYS = (
    owned,
    owned_with_a_task,
    installed,
    installed_without_a_wait_of_ours,
    sync_code_in_a_task,
    sync_code_that_does_not_wait,
    closed_without_a_word,
    in_an_os_thread,
)


def collect() -> None:
    # Twice: as long as a greenlet is not dead, the collector does not look into it.
    gc.collect()
    gc.collect()


ROUNDS = 5


def greenlets() -> int:
    return sum(isinstance(thing, greenlet) for thing in gc.get_objects())


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_loop_outlives_it(
    way: Callable[[LoopFactory], None], loop_factory: LoopFactory
) -> None:
    loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    def remembered() -> asyncio.AbstractEventLoop:
        loop = loop_factory()
        loops.add(loop)
        return loop

    way(remembered)  # what is made once and kept
    collect()
    before = greenlets()
    for _ in range(ROUNDS):
        way(remembered)
    collect()
    assert not list(loops)
    # One or two more there may be: greenlet ends those of OS threads that are gone later.
    assert greenlets() < before + ROUNDS


def test_a_loop_that_was_never_closed_is_collected() -> None:
    loop = asyncio.new_event_loop()
    greenbridge.install(loop)
    known = weakref.ref(loop)
    del loop
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # "unclosed event loop": it holds the loop
        collect()
    assert known() is None
