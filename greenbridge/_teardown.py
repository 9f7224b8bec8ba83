"""When a loop ends, its green threads end with it, unwound and not dropped.

A hub on a loop that the application owns is told of the end in the way of asyncio
itself: it keeps an async generator that the loop knows of, and ``asyncio.run``,
``Runner``, pytest-asyncio and anyio all call ``loop.shutdown_asyncgens()`` before
they close a loop. That runs the generator's ``finally``, which kills what is parked
and waits for it, and needs no Task that would show in ``all_tasks()``. For a loop
that is closed without it, ``close`` of that one loop is wrapped: there is no loop to
wait on any more, so the green threads are unwound one after another, and a wait in
their ``finally`` is an error.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent

from ._errors import GreenExit
from ._hub import HUBS, Hub, _local, on_self_start
from ._portal import demote, make_waiter
from ._threadstate import get_running_loop, set_running_loop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")


async def _keeper(hub: Hub) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await unwind(hub)


def watch_loop(hub: Hub) -> None:
    """Arrange that *hub* ends with the application's loop that it is attached to."""
    if hub.loop is get_running_loop():
        keeper = _keeper(hub)
        try:
            keeper.asend(None).send(None)  # runs to its yield: now the loop knows it
        except StopIteration:
            pass
        hub.keeper = keeper
    else:
        hub.keeper = True  # in a green thread with a loop of its own: the close below has to do
    loop: Any = hub.loop
    close = loop.close

    def close_hub_first() -> None:
        if not loop.is_running():
            end(hub)
        close()

    loop.close = close_hub_first


def interrupt_all(hub: Hub) -> None:
    """Kill every green thread of *hub*; they unwind when the hub runs."""
    for thread in list(hub.threads):
        if thread:
            thread.interrupt(GreenExit())
        else:  # spawned for later, or not reached yet: it never starts
            thread.pending = GreenExit()
            hub.schedule(thread)


async def unwind(hub: Hub) -> None:
    """Kill every green thread of *hub* and wait until they have ended."""
    while hub.threads:
        done = asyncio.get_running_loop().create_future()

        def settle(done: asyncio.Future[None] = done) -> None:
            if not done.done():
                done.set_result(None)

        hub.on_empty.append(settle)
        try:
            interrupt_all(hub)
            await done
        finally:
            hub.on_empty.remove(settle)


def end(hub: Hub) -> None:
    """Forget *hub*; what is still parked in it is unwound without a loop."""
    if hub.closed:
        return
    hub.closed = True
    hub.forbidden = (
        "the event loop of this green thread has been closed, so it cannot wait any more, not "
        "even in a finally block. Stop green threads before the loop: use asyncio.run() or "
        "greenbridge.run(), which do, instead of loop.close() alone"
    )
    before = get_running_loop()
    set_running_loop(None)
    hub.greenlet = getcurrent()
    hub.budget = 0
    try:
        for thread in list(hub.threads):
            thread.unwind()
    finally:
        set_running_loop(before)
    _forget(hub)


def _forget(hub: Hub) -> None:
    hub.closed = True
    hub.threads.clear()
    hub.timers.clear()
    for record in list(hub.fds.values()):
        record.forget()
    hub.ready.clear()
    hub.carriers.clear()
    if hub in HUBS:
        HUBS.remove(hub)
    if _local.hub is hub:
        _local.hub = None


# -- a hub that runs its own loop ------------------------------------------------------------------


def wait_task(hub: Hub, task: asyncio.Task[T]) -> None:
    """Park the root until *task* is done; a Ctrl-C that comes meanwhile is raised here."""
    while not task.done():
        waiter = make_waiter(hub.root)
        wake = partial(_wake, waiter)
        task.add_done_callback(wake)
        try:
            waiter.park()
        finally:
            task.remove_done_callback(wake)


def _wake(waiter: Any, _: object) -> None:
    waiter.wake()


async def _finish(hub: Hub) -> None:
    """What asyncio.run does at its end, and the green threads as well."""
    loop = hub.loop
    mine = {asyncio.current_task(), hub.root.task if hub.root is not None else None}
    tasks = [t for t in asyncio.all_tasks(loop) if t not in mine]
    for task in tasks:
        task.cancel()
    await unwind(hub)
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and task.exception() is not None:
            loop.call_exception_handler(
                {
                    "message": "unhandled exception during greenbridge shutdown",
                    "exception": task.exception(),
                    "task": task,
                }
            )
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


def shutdown(hub: Hub) -> None:
    """End a hub that runs its own loop: unwind all, close the loop. Called in the root greenlet.

    A Ctrl-C that comes meanwhile gives up on what has not ended yet, and is raised.
    """
    if hub.closed:
        return
    root = hub.root
    assert root is not None
    root.pending = None
    try:
        task = asyncio.Task(_finish(hub), loop=hub.loop)
        wait_task(hub, task)
        task.result()
    finally:
        if root.stepper is not None:
            demote(root)
        hub.stop_loop()
        hub.closed = False
        end(hub)
        hub.loop.close()


class _ThreadGuard:
    """Ends the hub of an OS thread with the thread: held by nothing but its thread-local."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def __del__(self) -> None:
        shutdown(self.hub)


def _arrange_end(hub: Hub) -> None:
    if threading.current_thread() is threading.main_thread():
        atexit.register(_at_exit, weakref.ref(hub))
    else:
        _local.guard = _ThreadGuard(hub)


def _at_exit(ref: weakref.ref[Hub]) -> None:
    hub = ref()
    # After a fork the child has a copy of this registration, but not of the hub's thread.
    if hub is not None and not hub.closed and os.getpid() == hub.pid:
        shutdown(hub)


on_self_start.append(_arrange_end)

__all__ = ("end", "interrupt_all", "shutdown", "unwind", "wait_task", "watch_loop")
