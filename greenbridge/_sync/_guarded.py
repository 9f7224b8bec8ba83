"""What is under a queue: its mutex, the reservations, the inbox. See ``_queues``."""

from __future__ import annotations

import sys
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._errors import BlockingSwitchError
from .._timers import NEVER
from ._callers import same_os_thread, whoami
from ._lines import park_async
from ._mutex import Mutex
from ._tickets import NOTHING, give, leave

# What is in the inbox: put an item in; take back what somebody was given.
PUT: Final = "put"
RETURN: Final = "return"
# What a getter or putter is given, if not the item itself, or NOTHING (it was notified, by code
# that holds the mutex).
AN_ITEM: Final = "an item"  # the next one is kept for it
A_PLACE: Final = "a place"
OVER: Final = "over"  # no gift: its time is over


class Hook:
    """A method of a queue that is not called where nobody has replaced it: see ``_plain``."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, queue: Any, owner: type) -> Any:
        if queue is None:
            return self.call
        own = vars(queue)
        return own[self.name] if self.name in own else MethodType(self.call, queue)

    def __set__(self, queue: Any, value: Any) -> None:
        vars(queue)[self.name] = value
        queue._plain = False

    def __delete__(self, queue: Any) -> None:
        del vars(queue)[self.name]


class Guarded:
    """The parts of a queue that do not depend on what it keeps."""

    maxsize: int
    unfinished_tasks: int
    queue: Any
    #: It keeps its items in a deque, and its hooks (_put, _get, _qsize) are those of Queue.
    _plain: bool = False

    if TYPE_CHECKING:

        def _qsize(self) -> int: ...
        def _put(self, item: Any) -> None: ...
        def _get(self) -> Any: ...

    def _prepare(self) -> None:
        self.mutex: Any = Mutex(self)  # type: ignore[arg-type]  # the queue that this is a part of
        self._held: dict[int, Any] = self.mutex._held
        self._wanted: list[Any] = self.mutex._line  # who waits for the mutex
        self._inbox: list[tuple[Any, Any]] = []  # what is to be done, and with what
        self._getters: list[Any] = []
        self._putters: list[Any] = []
        # How many were promised one and have not come for it yet.
        self._items_promised = 0
        self._places_promised = 0

    # -- the mutex -------------------------------------------------------------------------

    def _enter(self, waits: bool) -> bool:
        """Take the mutex; False where that would mean to wait for oneself, or to switch.

        *waits*: the caller may let others run. Another OS thread is waited for in any case: it
        holds the mutex for some microseconds.
        """
        me: Any = getcurrent()
        held = self._held
        while held or held.setdefault(0, me) is not me:
            holder = held.get(0)
            if holder is None:  # given back just now
                continue
            if holder is me or holder is whoami(me):
                return False
            if waits:
                self.mutex._wait(me, NEVER)
            elif same_os_thread(holder):
                return False
            else:
                self.mutex.acquire_natively(me)
            break
        if self._inbox:
            try:
                self._empty_inbox()
            except BaseException:
                self._exit()
                raise
        return True

    def _must_enter(self) -> None:
        if not self._enter(True):
            raise BlockingSwitchError(
                f"{self!r} was used by code that interrupts one of its own operations (a "
                "finalizer, a signal handler, or code under 'with queue.mutex'), and had to wait "
                "for its end. There write put() to a queue without a limit, or get_nowait()"
            )

    def _exit(self) -> None:
        """Give the mutex back, which was taken once."""
        del self._held[0]
        if self._inbox or self._wanted:
            self._look_at_inbox()

    def _look_at_inbox(self) -> None:
        """Put in what is there, if nobody has the mutex: else whoever has it comes here."""
        held = self._held
        me = getcurrent()
        while self._inbox:
            if held or held.setdefault(0, me) is not me:
                return
            try:
                self._empty_inbox()
            finally:
                del held[0]
        if self._wanted:
            self.mutex._settle()

    def _empty_inbox(self) -> None:
        inbox = self._inbox
        while inbox:
            try:
                what, item = inbox.pop(0)
            except IndexError:
                return
            try:
                if what is PUT:
                    self._accept(item)
                else:
                    self._return(item)
                    self._serve()
            except Exception as exc:  # that of a finalizer's put: nobody waits to be told
                args = (type(exc), exc, exc.__traceback__, "Exception ignored in put()", self)
                make: Any = sys.UnraisableHookArgs
                sys.unraisablehook(make(args))

    # -- under the mutex -------------------------------------------------------------------

    def _size(self) -> int:
        return len(self.queue) if self._plain else self._qsize()

    def _has_place(self) -> bool:
        maxsize = self.maxsize
        return maxsize <= 0 or self._size() + self._places_promised < maxsize

    def _serve(self) -> None:
        """Hand out what is there to those who wait."""
        getters, putters = self._getters, self._putters
        while getters and self._size() > self._items_promised:
            if self._plain:
                item = self.queue.popleft()
                if not give(getters, item):
                    self.queue.appendleft(item)
            elif give(getters, AN_ITEM):
                self._items_promised += 1
        while putters and self._has_place():
            if give(putters, A_PLACE):
                self._places_promised += 1

    def _accept(self, item: Any) -> None:
        if not self._plain:
            self._put(item)
            self.unfinished_tasks += 1
            if self._getters:
                self._serve()
            return
        self.unfinished_tasks += 1
        # If somebody waits there is nothing else in it.
        if not self._getters or not give(self._getters, item):
            self.queue.append(item)

    def _return(self, gift: Any) -> None:
        """Take back what somebody was given who does not want it any more."""
        if gift is AN_ITEM:
            self._items_promised -= 1
        elif gift is A_PLACE:
            self._places_promised -= 1
        elif gift is NOTHING:
            return
        elif self._plain:
            self.queue.appendleft(gift)
        else:  # its hooks were replaced just now
            self._put(gift)

    def _put_down(self, ticket: Any) -> None:
        """Whoever waited with *ticket* looks for itself; if it takes nothing, others may."""
        self._return(getattr(ticket, "gift", NOTHING))
        self._inbox.append((RETURN, NOTHING))

    # -- waiting ---------------------------------------------------------------------------

    def _wait(self, line: list[Any], ticket: Any) -> Any:
        """Wait with *ticket* in *line*; gives what it was given, or OVER at its deadline."""
        try:
            if ticket.park() or not leave(line, ticket):
                return getattr(ticket, "gift", NOTHING)
        except BaseException:
            if not leave(line, ticket):
                self._give_back(ticket)
            raise
        return OVER

    async def _wait_async(self, line: list[Any], ticket: Any, until: float) -> Any:
        if await park_async(line, ticket, until, lambda: self._give_back(ticket)):
            return getattr(ticket, "gift", NOTHING)
        return OVER

    def _come_back(self, ticket: Any) -> None:
        """Take the mutex, for what *ticket* was promised."""
        try:
            self._must_enter()
        except BaseException:
            self._give_back(ticket)
            raise
        self._return(getattr(ticket, "gift", NOTHING))

    def _go(self) -> None:
        """Give the mutex back after a wait: others may go on if it came to nothing."""
        try:
            if self._getters or self._putters:
                self._serve()
        finally:
            self._exit()

    def _give_back(self, ticket: Any) -> None:
        """What *ticket* was given goes to the next one: it was killed, or found nothing."""
        self._inbox.append((RETURN, getattr(ticket, "gift", NOTHING)))
        self._look_at_inbox()


__all__ = ("AN_ITEM", "OVER", "PUT", "Guarded", "Hook")
