"""The mutex of a queue, and what is built on it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from .._timers import NEVER
from ._conditions import Condition
from ._locks import RLock
from ._tickets import (
    CoroutineTicket,
    NativeTicket,
    deadline_after,
    give,
    leave,
    new_ticket,
    park,
    park_async,
    whoami,
)

if TYPE_CHECKING:
    from types import TracebackType

    from ._queues import Queue


class Mutex(RLock):
    """Protects a queue; whoever gives it back puts in what was left in the inbox.

    Unlike the public locks it is not handed over: whoever is woken tries again, and who comes
    first has it. It is held for microseconds, and many native threads that hand it to one another
    would need a switch of the OS for each item. Fair are the reservations of the queue.
    """

    __slots__ = ("inbox", "queue")

    def __init__(self, queue: Queue[Any]) -> None:
        super().__init__()
        self.inbox: list[Any] = []
        self.queue: weakref.ref[Queue[Any]] = weakref.ref(queue)

    def _acquire(self, me: Any, deadline: float, blocking: bool) -> bool:
        if self._try(me) is None:
            return True
        return blocking and self._wait(me, lambda: new_ticket(deadline, self, self.holder()))

    def acquire_natively(self, me: Any) -> None:
        """Take it from another OS thread, without letting others run in this one."""
        self._wait(me, lambda: NativeTicket(NEVER, False))

    def holder(self) -> Any:
        """Who has it; None if it is free."""
        found = self._held.get(0)
        return found and found[0]

    def _wait(self, me: Any, make: Any) -> bool:
        line = self._line
        first_time = True
        while True:
            ticket = make()
            # Who blocks an OS thread goes first: those before it may need that thread to run.
            last = first_time and type(ticket) is not NativeTicket
            line.insert(len(line) if last else 0, ticket)
            first_time = False
            if self._try(me) is None:  # given back before we stood in the line
                if leave(line, ticket):
                    return True
                self.release()  # woken: the wake must be waited for, and not with the mutex
            if not park(line, ticket, self._pass_on):
                return False
            if self._try(me) is None:
                return True

    async def acquire_async(self, timeout: float = -1) -> bool:
        """As of RLock."""
        me = whoami(getcurrent())
        deadline = NEVER if timeout == -1 else deadline_after(timeout)
        line = self._line
        place = len(line)
        while self._try(me) is not None:
            ticket = CoroutineTicket()
            line.insert(place, ticket)
            place = 0
            if self._try(me) is None:
                leave(line, ticket)
                return True
            if not await park_async(line, ticket, deadline, self._pass_on):
                return False
        return True

    def release(self) -> None:
        """As of RLock; first puts in what was left in the inbox."""
        while self.inbox and self._recursion_count() == 1:
            queue = self.queue()
            if queue is None:
                break
            queue._empty_inbox()
        super().release()
        if self.inbox and (queue := self.queue()) is not None:
            queue._look_at_inbox()  # left there just now

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _pass_on(self) -> None:
        """RLock.release() calls it when somebody waits, and who was woken in vain."""
        found = self._held.get(0)
        if found is not None and found[0] is whoami(getcurrent()):
            del self._held[0]
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
