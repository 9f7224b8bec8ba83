"""A place in a line: how the primitives hand things from one waiter to the next.

Theory of operation
-------------------
A primitive keeps a *line*, a plain list of *tickets*, oldest first. A ticket is one wait: of a
green thread or task (the waiters of the core), of a native thread, or of a coroutine. Whoever has
something to hand over takes the first ticket out of the line with ``pop(0)``, which is atomic, and
**with that the thing is its waiter's**, whether that runs already or not. The wake that follows is
only news. So a waiter whose time is over, or that is killed, looks whether its ticket is still
in the line: if it can take it out, it got nothing; if not, it was given what it waited for, and
keeps it or passes it on. Nothing depends on which OS thread somebody runs in, on when a wake
arrives, or on a lock that a finalizer could find held by the code that it interrupts.

What is free lies in lists and dicts as well (``list.pop``, ``dict.setdefault``): each step of a
primitive is one call that the interpreter does not interrupt, and between two steps it may be
entered again, by another thread, a signal handler or the garbage collector. After each step that
could have been missed by somebody, the line is looked at once more.

``_lines`` has the one way to wait that all of them share.

The way not taken: state under a small native lock. A finalizer that runs while its own thread
holds that lock would wait for ever (https://github.com/gevent/gevent/issues/1957).
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._carriers import Carrier
from .._delivery import WOKEN
from .._hub import _local
from .._originals import TIMEOUT_MAX, allocate_lock, get_ident, monotonic
from .._owners import Waiter
from .._portal import TaskWaiter, current_owner, make_waiter
from .._threadstate import get_running_loop
from .._timers import NEVER
from .._waiting import stalling
from ._callers import holds_a_loop_up, refuse_endless

if TYPE_CHECKING:
    Line = list[Any]

#: Whoever has been given something, and not a gift.
NOTHING: Final = "nothing"

_fork: int = 0  # how many forks this process is away from the first one


def _after_fork_in_child() -> None:
    global _fork
    _fork += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class NativeTicket:
    """A wait of an OS thread that has nothing to park."""

    __slots__ = ("_deadline", "_fork", "_lock", "_stalls", "gift")

    gift: Any

    def __init__(self, deadline: float, stalls: bool) -> None:
        self._deadline = deadline
        self._fork = _fork
        self._stalls = stalls  # a loop stands still meanwhile
        self._lock = allocate_lock()
        self._lock.acquire()

    def park(self) -> bool:
        timeout: float = -1
        if self._deadline != NEVER:
            timeout = min(max(0.0, self._deadline - monotonic()), TIMEOUT_MAX)
        if self._stalls:
            return bool(stalling("lock", self._lock.acquire, True, timeout))
        return self._lock.acquire(True, timeout)

    def wake(self) -> bool:
        if self._fork != _fork:  # its thread is in the parent process
            return False
        self._lock.release()
        return True


class CoroutineTicket:
    """A wait of a coroutine: its Task awaits a future."""

    __slots__ = ("_fork", "future", "gift", "loop", "lost")

    gift: Any

    def __init__(self) -> None:
        self._fork = _fork
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[bool] = self.loop.create_future()
        self.lost = False  # it was to be woken, but its loop had ended

    def wake(self) -> bool:
        if self._fork != _fork:
            return False
        loop = self.loop
        if _is_at_hand(loop):
            self.settle(True)
            return True
        try:
            loop.call_soon_threadsafe(self.settle, True)
        except RuntimeError:
            if not loop.is_closed():
                raise
            self.lost = True
            return False
        return True

    def settle(self, woken: bool) -> None:
        if not self.future.done():
            self.future.set_result(woken)


def _is_at_hand(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether *loop* looks at its callbacks after the code that runs now, without a nudge."""
    if get_running_loop() is loop:
        # With no Task current it may be a signal handler, which runs while the loop sleeps.
        return asyncio.current_task(loop) is not None
    hub = _local.hub
    return hub is not None and hub.loop is loop and type(getcurrent()) is Carrier


def _nothing() -> None:
    """What a loop is nudged with."""


def _wake(ticket: Any) -> bool:
    """Tell *ticket*, which has been taken out of its line; False if nobody waits with it."""
    kind = type(ticket)
    if kind is not Waiter and kind is not TaskWaiter:
        return ticket.wake()  # type: ignore[no-any-return]
    hub = ticket.owner.hub
    if hub.closed and hub.pid != os.getpid():  # it waits in the parent process
        return False
    ticket.wake()
    if (
        getcurrent() is hub.greenlet
        and hub.ident == get_ident()
        and (get_running_loop() is None or asyncio.current_task(hub.loop) is None)
    ):  # a bare callback, a finalizer, or a signal handler that interrupted the sleeping loop
        hub.call_threadsafe(_nothing)
    return True


def give(line: Line, gift: Any = NOTHING) -> bool:
    """Hand something to whoever has waited longest; False if nobody waits.

    *gift* is what the ticket has in ``gift`` then.
    """
    while line:
        try:
            ticket = line.pop(0)
        except IndexError:
            return False
        if gift is not NOTHING:
            ticket.gift = gift
        try:
            parked = ticket.greenlet
            hub = ticket.owner.hub
            here = getcurrent().hub is hub  # type: ignore[attr-defined]
        except AttributeError:  # it is no Waiter, or this is no green thread
            here = False
        if here:  # one green thread wakes another of its hub: Waiter.wake, written out
            if not ticket.state:
                ticket.state = WOKEN
                if hub.more:
                    hub.more -= 1
                    hub.switches += 1
                    hub.round.insert(-1, parked)
                else:
                    hub.ready.append(parked)
                    if not hub.scheduled:
                        hub.schedule_drain()
            return True
        if _wake(ticket):
            return True
    return False


def give_all(line: Line) -> None:
    """Wake everybody who waits now, but nobody who comes back at once."""
    waiting = len(line)
    while waiting and give(line):
        waiting -= 1


def leave(line: Line, ticket: Any) -> bool:
    """Take *ticket* out; False if it has been given something."""
    try:
        line.remove(ticket)
    except ValueError:
        return False
    return True


def new_ticket(deadline: float, what: object, holder: Any = None) -> Any:
    """A ticket of the code that runs now, which waits for *what*; *holder* has it.

    Raises:
        BlockingSwitchError: in code that a loop runs directly, if the wait could never end.
    """
    own: Any = getcurrent()
    if type(own) is Carrier:
        thread = own.thread
        if thread.stepper is None and thread.pending is None:
            return Waiter(thread, own, deadline)
    owner = current_owner()
    if owner is not None:
        return make_waiter(owner, deadline)
    stalls = holds_a_loop_up()
    if stalls and deadline == NEVER:
        refuse_endless(what, holder)
    return NativeTicket(deadline, stalls)


__all__ = ("NOTHING", "CoroutineTicket", "NativeTicket", "give", "give_all", "leave", "new_ticket")
