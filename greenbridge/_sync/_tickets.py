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

The way not taken: state under a small native lock. A finalizer that runs while its own thread
holds that lock would wait for ever (https://github.com/gevent/gevent/issues/1957).
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._carriers import Carrier
from .._errors import BlockingSwitchError, GreenbridgeError, GreenExit
from .._hub import _local
from .._originals import TIMEOUT_MAX, allocate_lock, get_ident, monotonic
from .._owners import Waiter
from .._portal import TaskWaiter, current_owner, make_waiter
from .._tasks import Worker
from .._threadstate import NESTED, get_running_loop
from .._timers import NEVER
from .._waiting import stalling

if TYPE_CHECKING:
    from collections.abc import Callable

    Line = list[Any]

# How often a lock that must be taken is tried again after interruptions (a guess): each of them
# is somebody's kill or timeout, and there are not that many.
_INSIST_MAX: Final = 100

_fork: int = 0  # how many forks this process is away from the first one


def _after_fork_in_child() -> None:
    global _fork
    _fork += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class NativeTicket:
    """A wait of an OS thread that has nothing to park."""

    __slots__ = ("_deadline", "_fork", "_lock", "_stalls")

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

    __slots__ = ("_fork", "future", "loop", "lost")

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


def wake(ticket: Any) -> bool:
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


def give(line: Line) -> bool:
    """Hand something to whoever has waited longest; False if nobody waits."""
    while line:
        try:
            ticket = line.pop(0)
        except IndexError:
            return False
        if wake(ticket):
            return True
    return False


def give_all(line: Line) -> None:
    """Wake everybody who waits now, but nobody who comes back at once."""
    for _ in range(len(line)):
        if not give(line):
            return


def leave(line: Line, ticket: Any) -> bool:
    """Take *ticket* out; False if it has been given something."""
    try:
        line.remove(ticket)
    except ValueError:
        return False
    return True


def new_ticket(deadline: float, what: object, holder: Any = None) -> Any:
    """A ticket of the code that runs now.

    Raises:
        BlockingSwitchError: in code that a loop runs directly, if the wait could never end.
    """
    own: Any = getcurrent()
    if type(own) is Carrier:
        thread = own.thread
        if thread.stepper is None:
            return Waiter(thread, own, deadline)
    owner = current_owner()
    if owner is not None:
        return make_waiter(owner, deadline)
    stalls = _holds_a_loop_up()
    if stalls and deadline == NEVER:
        _refuse_endless(what, holder)
    return NativeTicket(deadline, stalls)


def park(line: Line, ticket: Any, pass_on: Callable[[], object]) -> bool:
    """Wait with *ticket*, which stands in *line*: True if it was given something, else False.

    What was given to a waiter that is interrupted goes to *pass_on*.
    """
    try:
        if ticket.park():
            return True
    except BaseException:
        if not leave(line, ticket):
            pass_on()
        raise
    return not leave(line, ticket)  # given at the last moment: it has it


async def park_async(
    line: Line, ticket: CoroutineTicket, deadline: float, pass_on: Callable[[], object]
) -> bool:
    """As :func:`park`, for a coroutine."""
    timer = None
    if deadline != NEVER:
        timer = ticket.loop.call_later(max(0.0, deadline - monotonic()), ticket.settle, False)
    try:
        if await ticket.future:
            return True
    except BaseException:
        if not leave(line, ticket) and not ticket.lost:
            pass_on()
        raise
    finally:
        if timer is not None:
            timer.cancel()
    return not leave(line, ticket)


def deadline_after(timeout: float | None) -> float:
    """When *timeout* seconds are over; a negative one is over at once.

    Raises:
        TypeError, ValueError, OverflowError: as a native lock for such a timeout.
    """
    if timeout is None:
        return NEVER
    if not timeout <= 0:  # NaN, too
        check_lock_arguments(True, timeout)
    return monotonic() + timeout


def check_lock_arguments(blocking: bool, timeout: float) -> None:
    """Raise what a native lock of this Python raises for these arguments."""
    allocate_lock().acquire(blocking, timeout)


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


def insist(acquire: Callable[[], object], before: BaseException | None) -> None:
    """Take a lock back that the caller must hold when it goes on, come what may.

    What interrupts it meanwhile is raised afterwards, unless *before* is on its way already; then
    it is raised at the caller's next wait. A cancellation takes precedence.
    """
    late: list[BaseException] = []
    while True:
        try:
            acquire()
            break
        except GreenbridgeError:
            raise  # nothing can wait here any more
        except BaseException as exc:
            late.append(exc)
            if len(late) > _INSIST_MAX:
                raise
    if late:
        _raise_late(late, before)


def _rank(exc: BaseException) -> int:
    if isinstance(exc, KeyboardInterrupt):
        return 0
    if isinstance(exc, asyncio.CancelledError):
        return 1
    return 2 if isinstance(exc, GreenExit) else 3


def _raise_late(late: list[BaseException], before: BaseException | None) -> None:
    first = min(late, key=_rank)
    owner = current_owner()
    rest = [exc for exc in late if exc is not first]
    if before is not None and not isinstance(first, (KeyboardInterrupt, asyncio.CancelledError)):
        rest.insert(0, first)
        first = before
    for exc in rest:
        if owner is not None and not isinstance(exc, asyncio.CancelledError):
            owner.interrupt(exc)
    if first is not before:
        raise first


# -- code that a loop runs directly ----------------------------------------------------------------


def _holds_a_loop_up() -> bool:
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


def _refuse_endless(what: object, holder: Any) -> None:
    if not is_here(holder) and len(sys._current_frames()) > 1:
        return  # another OS thread may end it
    raise BlockingSwitchError(
        f"{what!r} was waited for in code that the event loop runs directly (a callback, or a "
        "coroutine that is no green task); nothing could end the wait meanwhile. In an async def "
        "write 'await ..._async()'; in a callback take it without blocking, or spawn() the code"
    )
