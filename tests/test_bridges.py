"""``iterate`` and ``entered``: async iterators and context managers in sync code."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import greenbridge
from greenbridge import NoPortalError, NotAwaitableError, entered, iterate, sleep, spawn
from greenbridge.testing import assert_switches

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Boom(Exception):
    pass


async def numbers(count: int, log: list[str]) -> AsyncIterator[int]:
    try:
        for i in range(count):
            await asyncio.sleep(0)
            yield i
    finally:
        await asyncio.sleep(0)
        log.append("closed")


class Countdown:
    """An async iterator by hand, with an ``aclose`` that ends more than the iteration."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.closed = False

    def __aiter__(self) -> Countdown:
        return self

    async def __anext__(self) -> int:
        if not self.count:
            raise StopAsyncIteration
        self.count -= 1
        return self.count

    async def aclose(self) -> None:
        self.closed = True


@in_green
def test_iterate_goes_through_an_async_iterator() -> None:
    log: list[str] = []
    with assert_switches():
        assert list(iterate(numbers(3, log))) == [0, 1, 2]
    assert log == ["closed"]
    countdown = Countdown(3)
    assert list(iterate(countdown)) == [2, 1, 0]
    assert not countdown.closed  # as in an async for


@in_green
def test_a_generator_that_is_left_early_is_closed() -> None:
    log: list[str] = []
    for i in iterate(numbers(3, log)):
        if i:
            break
    assert log == ["closed"]


@in_green
def test_an_anyio_stream_is_left_open() -> None:
    send, receive = anyio.create_memory_object_stream[int](5)
    for i in range(3):
        send.send_nowait(i)
    for i in iterate(receive):
        if i == 1:
            break
    assert receive.receive_nowait() == 2
    send.close()
    receive.close()


@in_green
def test_errors_come_out_and_close_it() -> None:
    async def failing() -> AsyncIterator[int]:
        yield 1
        raise Boom

    with pytest.raises(Boom):
        list(iterate(failing()))


@in_green
def test_a_killed_loop_closes_the_generator() -> None:
    log: list[str] = []

    async def waits() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(LONG)
        finally:
            log.append("closed")

    thread = spawn(lambda: list(iterate(waits())))
    sleep(SHORT)
    thread.kill()
    assert log == ["closed"]


def test_an_iterator_that_is_dropped_outside_green_code_is_left_to_its_loop() -> None:
    log: list[str] = []
    kept: list[Any] = []

    def begin() -> None:
        iterator = iterate(numbers(3, log))
        next(iterator)
        kept.append(iterator)

    async def main() -> None:
        await greenbridge.run_sync(begin)
        kept.clear()
        gc.collect()
        await asyncio.sleep(SHORT)
        assert log == ["closed"]

    asyncio.run(main())


@in_green
def test_entered_enters_and_leaves() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def manager() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        log.append("in")
        try:
            yield "value"
        except Boom:
            log.append("swallowed")
        finally:
            await asyncio.sleep(0)
            log.append("out")

    with entered(manager()) as value:
        assert value == "value"
        sleep(0)
    with entered(manager()):
        raise Boom
    with pytest.raises(ValueError, match="x"), entered(manager()):
        raise ValueError("x")
    assert log == ["in", "out", "in", "swallowed", "out", "in", "out"]


@in_green
def test_entered_takes_the_locks_of_asyncio_and_anyio() -> None:
    async def make() -> tuple[asyncio.Lock, anyio.Lock]:
        return asyncio.Lock(), anyio.Lock()

    inside = 0

    def body(lock: Any) -> None:
        nonlocal inside
        with entered(lock):
            inside += 1
            assert inside == 1
            sleep(0)
            inside -= 1

    for lock in greenbridge.await_(make()):
        for thread in [spawn(body, lock) for _ in range(5)]:
            thread.get()


def test_bad_input_is_refused_at_once() -> None:
    things: tuple[Any, ...] = ([1], None, numbers, open)
    for thing in things:
        with pytest.raises(NotAwaitableError, match="iterate"):
            iterate(thing)
    for thing in things:
        with pytest.raises(NotAwaitableError, match="entered"):
            entered(thing)
    with pytest.raises(NoPortalError):
        next(iterate(Countdown(1)))
