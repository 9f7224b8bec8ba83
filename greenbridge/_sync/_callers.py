"""Who runs now: to whom a lock belongs, and whether anything could end a wait here."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from greenlet import getcurrent

from .._amid import AMID
from .._carriers import Carrier
from .._errors import BlockingSwitchError
from .._hub import _local
from .._originals import get_ident
from .._tasks import Worker
from .._threadstate import NESTED, get_running_loop


def whoami(own: Any) -> Any:
    """What an RLock belongs to: a green thread's carrier, a Task, or a native thread.

    *own* is the current greenlet. (An OS thread has a greenlet of its own, too.)
    """
    if type(own) is Carrier and own not in NESTED:
        return own
    loop = get_running_loop()
    if loop is not None:
        try:
            task = asyncio.current_task(loop)
        except RuntimeError:
            task = None
        if task is not None:
            return task
    at = own
    while at is not None:  # a greenlet that code in a green thread made
        if type(at) is Carrier:
            return at
        at = at.parent
    return own


def holds_a_loop_up() -> bool:
    """Whether an event loop of this OS thread stands still while the code that runs now blocks."""
    if get_running_loop() is not None:
        return True
    hub = _local.hub
    return hub is not None and not hub.closed and hub.loop.is_running()


def is_here(holder: Any) -> bool:
    """Whether *holder* is a green thread or a Task of this OS thread, not the code that runs."""
    own: Any = getcurrent()
    if isinstance(holder, asyncio.Future):
        return holder.get_loop() is get_running_loop() and not holder.done()
    if holder is own or not isinstance(holder, (Carrier, Worker)):
        return False
    hub = holder.hub if isinstance(holder, Carrier) else getattr(holder.job, "hub", None)
    return hub is not None and hub.ident == get_ident()


def same_os_thread(holder: Any) -> bool:
    """Whether *holder* (see :func:`whoami`) runs in the OS thread of the caller, or may."""
    if isinstance(holder, asyncio.Future):
        return is_here(holder)
    own: Any = getcurrent()
    while own.parent is not None:
        own = own.parent
    top: Any = holder
    while top.parent is not None:
        top = top.parent
    return top is own


def refuse_endless(what: object, holder: Any) -> None:
    """Raise for a wait without limit that holds a loop up, if nothing could end it.

    *holder* has what is waited for, as far as that is known.

    Raises:
        BlockingSwitchError: always, unless another OS thread may end the wait.
    """
    amid = AMID.get(get_ident())
    here = is_here(holder) or (amid is not None and holder is getcurrent())
    if not here and len(sys._current_frames()) > 1:
        return  # another OS thread may end it
    where = amid or (
        "code that the event loop runs directly (a callback, or a coroutine that is no green task)"
    )
    raise BlockingSwitchError(
        f"{what!r} was waited for in {where}; nothing could end the wait meanwhile. In an async "
        "def write 'await ..._async()'; elsewhere take it without blocking, or spawn() the code"
    )


__all__ = ("holds_a_loop_up", "is_here", "refuse_endless", "same_os_thread", "whoami")
