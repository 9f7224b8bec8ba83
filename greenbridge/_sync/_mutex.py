"""The mutex of a queue, and what is built on it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from .._timers import NEVER
from ._callers import whoami
from ._conditions import Condition
from ._lines import lock_deadline, park, park_async
from ._locks import RLock
from ._tickets import CoroutineTicket, NativeTicket, give, leave, new_ticket

if TYPE_CHECKING:
    from types import TracebackType

    from ._queues import Queue


class Mutex(RLock):
    """Protects a queue; whoever gives it back puts in what was left in the inbox.

    Unlike the public locks it is not handed over: whoever is woken tries again, and who comes
    first has it. It is held for microseconds, and many native threads that hand it to one another
    would need a switch of the OS for each item. Fair are the reservations of the queue.

    The queue's own methods take it as the greenlet that they run in, which costs less than to ask
    whose that is. So it is the caller's if either has it.
    """

    __slots__ = ("queue",)

    def __init__(self, queue: Queue[Any]) -> None:
        super().__init__()
        self.queue: weakref.ref[Queue[Any]] = weakref.ref(queue)

    def _wait(self, me: Any, deadline: float, holder: Any, natively: bool = False) -> bool:
        mine = self._mine()
        if mine is not None:
            self._held[0] = (mine[0], mine[1] + 1)
            return True
        line = self._line
        again = False
        while True:
            ticket = NativeTicket(NEVER, False) if natively else new_ticket(deadline, self, holder)
            # Who blocks an OS thread goes first: those before it may need that thread to run.
            first = again or type(ticket) is NativeTicket
            line.insert(0 if first else len(line), ticket)
            self._settle()
            if not park(line, ticket, self._pass_on):
                return False
            holder = self._try(me)
            if holder is None:
                return True
            again = True

    def acquire_natively(self, me: Any) -> None:
        """Take it from another OS thread, without letting others run in this one."""
        if self._try(me) is not None:
            self._wait(me, NEVER, None, natively=True)

    async def acquire_async(self, timeout: float = -1) -> bool:
        """As of RLock."""
        me = whoami(getcurrent())
        deadline = lock_deadline(True, timeout)
        line = self._line
        place = len(line)
        while self._try(me) is not None:
            ticket = CoroutineTicket()
            line.insert(place, ticket)
            place = 0
            self._settle()
            if not await park_async(line, ticket, deadline, self._pass_on):
                return False
        return True

    def release(self) -> None:
        """As of RLock; afterwards what was left in the inbox is put in."""
        found = self._mine()
        if found is None:
            raise RuntimeError("cannot release un-acquired lock")
        if found[1] > 1:
            self._held[0] = (found[0], found[1] - 1)
            return
        del self._held[0]
        queue = self.queue()
        if queue is not None:
            queue._look_at_inbox()
        elif self._line:
            self._settle()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _mine(self) -> tuple[Any, int] | None:
        found = self._held.get(0)
        if found is None:
            return None
        own = getcurrent()
        return found if found[0] is own or found[0] is whoami(own) else None

    def _pass_on(self) -> None:
        """Somebody was woken in vain: whoever is next may try."""
        self._settle()

    def _settle(self) -> None:
        if self._line and not self._held:
            give(self._line)


class Side(Condition):
    """``not_empty`` or ``not_full`` of a queue: its line is the queue's own."""

    def __init__(self, mutex: Mutex, line: list[Any], reserved: list[Any]) -> None:
        super().__init__(mutex)
        self._waiters = line
        self._reserved = reserved

    def _back(self, ticket: object) -> None:
        # The caller holds the mutex and looks for itself, as code over the stdlib's does.
        leave(self._reserved, ticket)


__all__ = ("Mutex", "Side")
