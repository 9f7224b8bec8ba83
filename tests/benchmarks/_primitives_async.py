"""What ``_primitives`` does, as coroutines on uvloop with asyncio's own primitives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ._clock import now
from ._peers import allocate_lock, start_new_thread
from ._primitives import RIVALS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

__all__ = ("BODIES",)


async def _together(*bodies: Coroutine[Any, Any, None]) -> float:
    start = now()
    await asyncio.gather(*bodies)
    return now() - start


async def lock_handover(n: int) -> float:
    mine, theirs = asyncio.Lock(), asyncio.Lock()
    await mine.acquire()
    await theirs.acquire()

    async def ask() -> None:
        for _ in range(n):
            theirs.release()
            await mine.acquire()

    async def answer() -> None:
        for _ in range(n):
            await theirs.acquire()
            mine.release()

    return await _together(ask(), answer())


async def _contended(n: int, lock: Any) -> float:
    each = max(n // RIVALS, 1)

    async def body() -> None:
        for _ in range(each):
            async with lock:
                await asyncio.sleep(0)

    return await _together(*[body() for _ in range(RIVALS)]) * n / (each * RIVALS)


async def lock_contended(n: int) -> float:
    return await _contended(n, asyncio.Lock())


async def semaphore(n: int) -> float:
    return await _contended(n, asyncio.Semaphore(2))


async def event(n: int) -> float:
    there, back = asyncio.Event(), asyncio.Event()

    async def ask() -> None:
        for _ in range(n):
            there.set()
            await back.wait()
            back.clear()

    async def answer() -> None:
        for _ in range(n):
            await there.wait()
            there.clear()
            back.set()

    return await _together(ask(), answer())


async def condition(n: int) -> float:
    changed = asyncio.Condition()
    turn = 0

    async def body(own: int) -> None:
        nonlocal turn
        for _ in range(n):
            async with changed:
                while turn != own:
                    await changed.wait()
                turn = 1 - own
                changed.notify()

    return await _together(body(0), body(1))


async def queue(n: int) -> float:
    there, back = asyncio.Queue[int](), asyncio.Queue[int]()

    async def ask() -> None:
        for item in range(n):
            await there.put(item)
            await back.get()

    async def answer() -> None:
        for _ in range(n):
            await back.put(await there.get())

    return await _together(ask(), answer())


async def queue_bounded(n: int) -> float:
    places = asyncio.Queue[int](RIVALS)

    async def put() -> None:
        for item in range(n):
            await places.put(item)

    async def get() -> None:
        for _ in range(n):
            await places.get()

    return await _together(put(), get())


async def native_wake(n: int) -> float:
    loop = asyncio.get_running_loop()
    there, back, ended = asyncio.Event(), allocate_lock(), allocate_lock()
    back.acquire()
    ended.acquire()

    def ask() -> None:
        for _ in range(n):
            loop.call_soon_threadsafe(there.set)
            back.acquire()
        ended.release()

    start = now()
    start_new_thread(ask, ())
    for _ in range(n):
        await there.wait()
        there.clear()
        back.release()
    elapsed = now() - start
    ended.acquire()
    return elapsed


BODIES: Final[dict[str, Callable[[int], Awaitable[float]]]] = {
    body.__name__: body
    for body in (
        lock_handover,
        lock_contended,
        semaphore,
        event,
        condition,
        queue,
        queue_bounded,
        native_wake,
    )
}
