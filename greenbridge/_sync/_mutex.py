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
from ._tickets import CoroutineTicket, NativeTicket, give, new_ticket

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

    def _wait(self, me: Any, deadline: float, natively: bool = False) -> bool:
        line = self._line
        again = False
        while True:
            holder = self._held.get(0)
            ticket = NativeTicket(NEVER, False) if natively else new_ticket(deadline, self, holder)
            # Who blocks an OS thread goes first: those before it may need that thread to run.
            first = again or type(ticket) is NativeTicket
            line.insert(0 if first else len(line), ticket)
            self._settle()
            if not park(line, ticket, self._pass_on):
                return False
            if self._try(me):
                return True
            again = True

    def _try(self, me: Any) -> bool:
        held = self._held
        if held:
            if held.get(0) is me or self._is_owned():
                self._more += 1
                return True
        elif held.setdefault(0, me) is me:
            return True
        return False

    def acquire_natively(self, me: Any) -> None:
        """Take it from another OS thread, without letting others run in this one."""
        if not self._try(me):
            self._wait(me, NEVER, natively=True)

    async def acquire_async(self, timeout: float = -1) -> bool:
        """As of RLock."""
        me = whoami(getcurrent())
        deadline = lock_deadline(True, timeout)
        line = self._line
        place = len(line)
        while not self._try(me):
            ticket = CoroutineTicket()
            line.insert(place, ticket)
            place = 0
            self._settle()
            if not await park_async(line, ticket, deadline, self._pass_on):
                return False
        return True

    def release(self) -> None:
        """As of RLock; afterwards what was left in the inbox is put in."""
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        if self._more:
            self._more -= 1
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

    def _is_owned(self) -> bool:
        owner = self._held.get(0)
        own = getcurrent()
        return owner is not None and (owner is own or owner is whoami(own))

    def _pass_on(self) -> None:
        """Somebody was woken in vain: whoever is next may try."""
        self._settle()

    def _settle(self) -> None:
        if self._line and not self._held:
            give(self._line)


class Side(Condition):
    """``not_empty`` or ``not_full`` of a queue: its line is the queue's own."""

    def __init__(self, mutex: Mutex, line: list[Any]) -> None:
        super().__init__(mutex)
        self._waiters = line
        self._mutex = mutex

    def _back(self, ticket: Any) -> None:
        # The caller holds the mutex and looks for itself, as code over the stdlib's does.
        queue = self._mutex.queue()
        if queue is not None:
            queue._put_down(ticket)


__all__ = ("Mutex", "Side")
