"""``spawn`` and ``spawn_later``: start a function as a green thread."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from ._carriers import NOBODY, Carrier
from ._delivery import ITSELF
from ._hub import _local
from ._hubs import get_hub
from ._originals import monotonic
from ._report import where
from ._threads import GreenThread, start
from ._threadstate import get_running_loop
from ._timers import NEVER, check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlet import greenlet

__all__ = ("current_green", "spawn", "spawn_later")


def current_green() -> GreenThread | greenlet:
    """The green thread that runs now; elsewhere the greenlet."""
    own: Any = getcurrent()
    if type(own) is Carrier and own.thread is not NOBODY:
        thread: GreenThread = own.thread
        return thread
    return getcurrent()


def _thread(fn: Callable[..., Any], args: Any, kwargs: Any, what: str) -> GreenThread:
    if not callable(fn):
        close = getattr(fn, "close", None)
        if asyncio.iscoroutine(fn) and close is not None:
            close()
            raise TypeError(
                f"{what}() got the coroutine {fn!r}, but needs a function. A coroutine runs as a "
                "Task: asyncio.create_task(...), or in green code spawn(await_, coroutine)"
            )
        raise TypeError(
            f"{what}() needs a function to call, but got {fn!r}. Did you call it yourself? "
            f"Write {what}(function, argument), not {what}(function(argument))"
        )
    hub = _local.hub
    if hub is None or hub.closed or hub.loop is not get_running_loop():
        hub = get_hub()
    thread = GreenThread(hub, fn, args, kwargs)
    thread.spawned = where(sys._getframe(2))
    return thread


def spawn(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> GreenThread:
    """Start ``fn(*args, **kwargs)`` as a green thread of this OS thread's hub.

    It starts when the caller waits next, after those spawned before it, in a copy of the
    caller's context. Where no event loop runs, the hub starts one of its own.

    Raises:
        TypeError: if *fn* cannot be called.
    """
    thread = _thread(fn, args, kwargs, "spawn")
    hub = thread.hub
    hub.ready.append(thread)
    if not hub.scheduled:
        hub.schedule_drain()
    return thread


class _Later:
    """Starts a green thread when its time has come; until then it is what the thread waits for."""

    __slots__ = ("thread", "timer_at")

    def __init__(self, thread: GreenThread) -> None:
        self.thread = thread
        self.timer_at = NEVER
        thread.waiter = self

    def due(self, now: float) -> float:
        thread = self.thread
        if thread.waiter is self:
            thread.waiter = None
            start(thread.hub, thread)
        return NEVER

    def finish(self, state: int, error: BaseException) -> bool:
        """The thread is killed: it runs now, as far as to that exception."""
        thread = self.thread
        thread.hub.timers.discard(self)
        thread.waiter = None
        thread.put_back(error, ITSELF)
        start(thread.hub, thread)
        return True


def spawn_later(seconds: float, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """As :func:`spawn`, but start it after *seconds*. Killed before that, it never starts.

    Raises:
        BadTimeoutError: if *seconds* is negative or NaN.
    """
    check_seconds(seconds)
    thread = _thread(fn, args, kwargs, "spawn_later")
    thread.hub.timers.add(_Later(thread), monotonic() + seconds)
    return thread
