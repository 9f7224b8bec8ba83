"""Real OS threads for what cannot wait greenly: C libraries, heavy computation, the resolver."""

from __future__ import annotations

import contextvars
import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ._portal import RUN, current_owner, make_waiter
from ._timers import NEVER
from ._waiting import stalling

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")


def offload(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``fn(*args, **kwargs)`` in a real OS thread and wait for it greenly.

    The threads are anyio's (at most 40 at once a loop); *fn* sees a copy of the context. Where
    nothing can park, *fn* is simply called: a native thread may block.

    Raises:
        Exception: whatever *fn* raises.

    On cancellation the wait ends at once; a call that has begun runs on in its thread, and its
    result is dropped.
    """
    owner = current_owner()
    if owner is None:
        return stalling(  # type: ignore[no-any-return]
            getattr(fn, "__qualname__", "offload"), fn, *args, **kwargs
        )
    from anyio import to_thread  # not at import time: 30 ms that most programs do not need

    call = functools.partial(fn, *args, **kwargs)
    return run_detached(owner, to_thread.run_sync(call, abandon_on_cancel=True))


def run_detached(owner: Any, coro: Coroutine[Any, Any, T]) -> T:
    """Run *coro* as a Task beside *owner*, which parks until it is done.

    Unlike ``await_`` this needs no Task of the owner's own, so a green thread keeps its cheap way
    to park. On cancellation *coro* is cancelled.
    """
    loop = owner.hub.loop
    context = contextvars.copy_context()
    context.run(RUN.set, None)  # it is the owner's own, and does not end with asyncio.run()
    task = context.run(loop.create_task, coro)
    waiter = make_waiter(owner, NEVER)
    task.add_done_callback(lambda _: waiter.wake())
    try:
        waiter.park()
    except BaseException:
        task.cancel()
        raise
    return task.result()  # type: ignore[no-any-return]


async def _in_one_thread(run: Callable[[], T]) -> T:
    from anyio import CapacityLimiter, to_thread

    return await to_thread.run_sync(run, abandon_on_cancel=True, limiter=CapacityLimiter(1))


def run_loop_natively(loop: asyncio.AbstractEventLoop, run: Callable[[], T]) -> T:
    """Call *run*, which runs *loop*, in an OS thread of its own; for a loop that waits in C.

    On cancellation the loop is stopped, and the cancellation is raised when *run* has returned.
    """
    owner = current_owner()
    context = contextvars.copy_context()
    context.run(RUN.set, None)
    task = context.run(owner.loop.create_task, _in_one_thread(run))
    interrupted: BaseException | None = None
    while not task.done():
        waiter = make_waiter(owner)
        wake = functools.partial(_wake, waiter)
        task.add_done_callback(wake)
        try:
            waiter.park()
        except BaseException as error:  # raised below
            interrupted = interrupted or error
            if not loop.is_closed():
                loop.call_soon_threadsafe(loop.stop)
        finally:
            task.remove_done_callback(wake)
    if interrupted is not None:
        if not task.cancelled():
            task.exception()  # what it says of having been stopped
        raise interrupted
    return task.result()  # type: ignore[no-any-return]


def _wake(waiter: Any, _: object) -> None:
    waiter.wake()
