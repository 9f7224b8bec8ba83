"""``await_``: what it refuses, at once and with the line to write instead; its tracebacks."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import NoPortalError, NotAwaitableError, await_, sleep, spawn

from .green import in_green

if TYPE_CHECKING:
    from collections.abc import Generator

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


# -- bad input ---------------------------------------------------------------------------------


@in_green
def test_what_cannot_be_awaited_is_refused() -> None:
    for thing in (None, 1, "x", object(), (x for x in [None]), iter([1]), spawn, lambda: 1):
        with pytest.raises(NotAwaitableError):
            await_(thing)  # type: ignore[arg-type]
    with pytest.raises(NotAwaitableError, match="forget to call"):
        await_(plain)  # type: ignore[arg-type]


def test_await_outside_green_code_is_refused_and_the_coroutine_closed() -> None:
    with pytest.raises(NoPortalError, match=r"greenbridge\.run"):
        await_(waiting(1))

    async def main() -> None:
        with pytest.raises(NoPortalError, match="run_sync"):
            await_(waiting(1))

    asyncio.run(main())
    gc.collect()


def test_an_awaitable_of_somebody_else_is_not_closed_when_refused() -> None:
    class Connection(Custom):
        closed = False

        def close(self) -> None:
            self.closed = True

    connection = Connection()
    with pytest.raises(NoPortalError):
        await_(connection)
    assert not connection.closed


@in_green
def test_a_future_of_another_loop_is_refused() -> None:
    other = asyncio.new_event_loop()
    try:
        future = other.create_future()
        with pytest.raises(RuntimeError, match="loop"):
            await_(future)
        assert await_(waiting(1)) == 1
    finally:
        other.close()


@in_green
def test_a_coroutine_that_a_kill_prevents_is_closed() -> None:
    def body() -> None:
        sleep(0)
        await_(waiting(1))

    thread = spawn(body)
    sleep(0)
    thread.kill()  # it has been woken: the kill comes at await_
    gc.collect()
    assert isinstance(thread.get(), greenbridge.GreenExit)


@in_green
def test_the_traceback_of_a_coroutine_shows_the_way_to_it() -> None:
    async def inner() -> None:
        await asyncio.sleep(0)
        raise Boom

    def outer() -> None:
        await_(inner())

    thread = spawn(outer)
    thread.join()
    names = []
    at: Any = thread.exception and thread.exception.__traceback__
    while at is not None:
        names.append(at.tb_frame.f_code.co_name)
        at = at.tb_next
    assert names[0] == "outer"
    assert names[-1] == "inner"
