"""The one way to wait: stand in the line of a primitive until something is handed over.

A primitive says what it has to give (:class:`Lined`): how it hands out what is free to those who
stand in line, and to whom goes what its waiter can no longer take. Arguments, tickets, deadlines,
kills and cancellations are treated here, once, for blocking code and for coroutines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._carriers import Carrier
from .._delivery import INTERRUPTED, WOKEN
from .._originals import allocate_lock, monotonic
from .._owners import Waiter
from .._timers import NEVER
from ._tickets import CoroutineTicket, give, leave, new_ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._tickets import Line

_PERMIT: Final = None


class Lined:
    """Something that is handed to those who stand in its line, oldest first."""

    __slots__ = ()

    if TYPE_CHECKING:
        _line: Line

    _free: Any  # true if something may be free

    def _settle(self) -> None:
        """Hand out what is free, if somebody waits for it."""
        raise NotImplementedError

    def _pass_on(self) -> None:
        """Hand what was given to the caller to the next one: the caller was interrupted."""
        raise NotImplementedError

    def _stand(self, deadline: float, holder: Any = None) -> bool:
        """Wait in the line: True if something was handed over, False at the *deadline*.

        *holder* has what is waited for, as far as that is known.

        Raises:
            BlockingSwitchError: in code that a loop runs directly, if the wait could never end.
        """
        if deadline != NEVER and deadline <= monotonic():
            # As the original, which does not wait for 0 seconds: an executor that is asked for a
            # thread in this way holds a lock that would be taken natively by the next one.
            return False
        own: Any = getcurrent()
        if (
            type(own) is not Carrier
            or (thread := own.thread).stepper is not None
            or thread.pending is not None
        ):
            return self._stand_elsewhere(new_ticket(deadline, self, holder))
        # A green thread: park(), written out, for most waits are such.
        line = self._line
        ticket = Waiter(thread, own, deadline)
        line.append(ticket)
        if self._free:  # since before we stood there
            self._settle()
        try:
            hub = thread.hub
            if deadline < thread.timer_at:
                hub.timers.add(thread, deadline)
            thread.waiter = ticket
            hub.way_out()()
            thread.waiter = None
            if ticket.state == WOKEN or ticket.over():
                return True
        except BaseException:
            thread.waiter = None
            if not ticket.state:  # it never began (no_switch)
                ticket.state = INTERRUPTED
            if not leave(line, ticket):
                self._pass_on()
            raise
        return not leave(line, ticket)  # given at the last moment: it has it

    def _stand_elsewhere(self, ticket: Any) -> bool:
        self._line.append(ticket)
        self._settle()
        return park(self._line, ticket, self._pass_on)

    async def _stand_async(self, deadline: float) -> bool:
        """:meth:`_stand` in a coroutine."""
        ticket = CoroutineTicket()
        self._line.append(ticket)
        self._settle()
        return await park_async(self._line, ticket, deadline, self._pass_on)


class Permits(Lined):
    """What is there in any number, and is taken one at a time: permits, locks, items."""

    __slots__ = ()

    def _take(self) -> bool:
        """Take one, if there is one."""
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def _settle(self) -> None:
        while self._line and self._take():
            if not give(self._line):
                self._free.append(_PERMIT)

    def _pass_on(self) -> None:
        """Give one back."""
        line = self._line
        if line and give(line):
            return
        self._free.append(_PERMIT)
        if line:
            self._settle()


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
    return not leave(line, ticket)


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


def lock_deadline(blocking: bool, timeout: float) -> float:
    """When the time of ``lock.acquire(blocking, timeout)`` is over.

    Raises:
        TypeError, ValueError, OverflowError: as a native lock for these arguments.
    """
    if timeout == -1:
        return NEVER
    check_lock_arguments(blocking, timeout)
    return deadline_after(timeout)


def check_lock_arguments(blocking: bool, timeout: float) -> None:
    """Raise what a native lock of this Python raises for these arguments."""
    allocate_lock().acquire(blocking, timeout)


__all__ = ("Lined", "Permits", "deadline_after", "lock_deadline", "park", "park_async")
