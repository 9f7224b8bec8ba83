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
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from greenlet import getcurrent

from ._delivery import ITSELF
from ._errors import GreenExit
from ._hub import HUBS, Hub, _local, on_attach, on_self_start
from ._interrupts import restore
from ._main import is_main
from ._originals import get_ident
from ._portal import Stepper, demote, make_waiter
from ._tasks import GreenCoro
from ._threadstate import get_running_loop, set_running_loop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

T = TypeVar("T")

# A green thread that spawns another one when it is killed would make the end endless (a guess).
_UNWIND_ROUNDS: Final = 100


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
        if thread or thread.waiter is not None:
            thread.interrupt(GreenExit())
        else:  # not reached yet: it never starts
            thread.put_back(GreenExit(), ITSELF)


async def unwind(hub: Hub) -> None:
    """Kill every green thread of *hub* and wait until they have ended.

    What they spawn meanwhile is killed as well; what goes on for too many rounds is not waited for.
    """
    for _ in range(_UNWIND_ROUNDS):
        threads = list(hub.threads)
        if not threads:
            return
        done = asyncio.get_running_loop().create_future()
        left = len(threads)

        def ended(done: asyncio.Future[None] = done) -> None:
            nonlocal left
            left -= 1
            if not left and not done.done():
                done.set_result(None)

        for thread in threads:
            thread._add_link(done, ended)
        try:
            interrupt_all(hub)
            await done
        finally:
            for thread in threads:
                thread._remove_link(done)


def end(hub: Hub) -> None:
    """Forget *hub*; what is still parked in it is unwound without a loop."""
    if hub.closed:
        return
    hub.closed = True
    hub.forbidden = {
        None: "the event loop of this green thread has been closed, so it cannot wait any more, "
        "not even in a finally block. Stop green threads before the loop: use asyncio.run() or "
        "greenbridge.run(), which do, instead of loop.close() alone."
    }
    before = get_running_loop()
    set_running_loop(None)
    hub.greenlet = getcurrent()
    hub.more = 0
    try:
        if hub.ident == get_ident():  # greenlets of another OS thread are out of reach
            for thread in list(hub.threads):
                hub.round.appendleft(hub.greenlet)  # it comes back here
                thread.unwind()
            for task in asyncio.all_tasks(hub.loop):
                _close_parked(task)
            for carrier in hub.carriers:
                # One that is suspended keeps itself alive by its frame.
                carrier.parent = hub.greenlet
                carrier.throw()
    finally:
        set_running_loop(before)
        _forget(hub)


def _close_parked(task: asyncio.Task[Any]) -> None:
    """Unwind a Task in which sync code is parked: the garbage collector cannot reach that."""
    coro: Any = task.get_coro()
    awaits = coro
    while awaits is not None:
        if isinstance(awaits, GreenCoro) and awaits.parked:
            try:
                coro.close()
            except Exception as exc:
                task.get_loop().call_exception_handler(
                    {"message": f"error at the end of {task!r}", "exception": exc, "task": task}
                )
            return
        awaits = getattr(awaits, "cr_await", None)


def _forget(hub: Hub) -> None:
    hub.closed = True
    hub.threads.clear()
    hub.timers.clear()
    for record in list(hub.fds.values()):
        record.forget()
    hub.ready.clear()
    hub.round.clear()
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


async def outlive(tasks: Sequence[asyncio.Task[Any]], what: str) -> None:
    """Wait for *tasks*, which *what* has cancelled at its end, and report their errors."""
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and task.exception() is not None:
            task.get_loop().call_exception_handler(
                {
                    "message": f"unhandled exception during {what} shutdown",
                    "exception": task.exception(),
                    "task": task,
                }
            )


async def _finish(hub: Hub) -> None:
    """What asyncio.run does at its end, and the green threads as well."""
    loop = hub.loop
    me = asyncio.current_task()
    # Those of green threads and of the root are not cancelled: a kill is enough.
    tasks = [
        task
        for task in asyncio.all_tasks(loop)
        if task is not me and not isinstance(task.get_coro(), Stepper)
    ]
    for task in tasks:
        task.cancel()
    await unwind(hub)
    await outlive(tasks, "greenbridge")
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


def shutdown(hub: Hub) -> None:
    """End a hub that runs its own loop: unwind all, close the loop. Called in the root greenlet.

    A Ctrl-C that comes meanwhile gives up on what has not ended yet, and is raised.
    """
    if hub.closed or hub.pid != os.getpid():
        return
    root = hub.root
    assert root is not None
    late = None
    if not isinstance(sys.exc_info()[1], KeyboardInterrupt):
        late = None if root.pending is None else root.take()
        root.pending = None
    # else what is pending is a second Ctrl-C, and wait_task raises it at once
    task = asyncio.Task(_finish(hub), loop=hub.loop)
    try:
        wait_task(hub, task)
        task.result()
    finally:
        task.cancel()  # does nothing, unless a Ctrl-C has come
        if root.stepper is not None:
            demote(root)
        hub.stop_loop()
        hub.closed = False
        end(hub)
        hub.loop.close()
        restore(hub)
    if isinstance(late, (KeyboardInterrupt, SystemExit)):  # it came when nothing waited any more
        raise late


class _ThreadGuard:
    """Ends the hub of an OS thread with the thread: held by nothing but its thread-local."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def __del__(self) -> None:
        shutdown(self.hub)


def _arrange_end(hub: Hub) -> None:
    if not is_main(hub.ident):
        _local.guard = _ThreadGuard(hub)


def _at_exit() -> None:
    for hub in HUBS[:]:
        if hub.owned and hub.ident == get_ident():
            shutdown(hub)
    _outlive_greenlet()


class _Last:
    """Stands for the current greenlet when greenlet has ended: a main one, that nothing parks."""

    parent: Final = None


_last: Final = _Last()


def _outlive_greenlet() -> None:
    """Have locks and queues work in destructors that run while the interpreter ends.

    greenlet refuses to say which greenlet is the current one when its own ``atexit`` function has
    run. Ours runs before that, and only from then on the name costs more.
    """

    def current() -> Any:
        try:
            return getcurrent()
        except RuntimeError:
            return _last

    for name, module in list(sys.modules.items()):
        ours = name.partition(".")[0] == __package__ and name != __name__
        if ours and vars(module).get("getcurrent") is getcurrent:
            vars(module)["getcurrent"] = current


on_self_start.append(_arrange_end)
on_attach.append(watch_loop)
atexit.register(_at_exit)

__all__ = ("end", "interrupt_all", "shutdown", "unwind", "wait_task", "watch_loop")
