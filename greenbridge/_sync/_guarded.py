"""What is under a queue: its mutex, the reservations, the inbox. See ``_queues``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._carriers import Carrier
from .._errors import BlockingSwitchError
from .._threadstate import NESTED, get_running_loop
from .._timers import NEVER
from ._tickets import leave, park_async, same_os_thread, wake, whoami

if TYPE_CHECKING:
    from ._mutex import Mutex


class Guarded:
    """The parts of a queue that do not depend on what it keeps."""

    maxsize: int
    mutex: Mutex
    _held: dict[int, list[Any]]
    _getters: list[Any]
    _putters: list[Any]
    _items_reserved: list[Any]
    _places_reserved: list[Any]
    unfinished_tasks: int

    if TYPE_CHECKING:

        def _qsize(self) -> int: ...
        def _put(self, item: Any) -> None: ...
        def _get(self) -> Any: ...

    def _enter(self, waits: bool) -> bool:
        """Take the mutex; False where that would mean to wait for oneself, or to switch.

        *waits*: the caller may let others run. Another OS thread is waited for in any case: it
        holds the mutex for some microseconds.
        """
        me: Any = getcurrent()
        if (type(me) is not Carrier or NESTED) and (get_running_loop() is not None or me.parent):
            me = whoami(me)
        mark = [me, 1]
        found = self._held.setdefault(0, mark)
        if found is mark:
            return True
        if found[0] is me or (not waits and same_os_thread(found[0])):
            return False
        if waits:
            self.mutex._acquire(me, NEVER, True)
        else:
            self.mutex.acquire_natively(me)
        return True

    def _exit(self) -> None:
        """Give the mutex back, which was taken once."""
        mutex = self.mutex
        if mutex.inbox:
            mutex.release()
            return
        del self._held[0]
        if mutex._line:
            mutex._settle()
        if mutex.inbox:
            self._look_at_inbox()

    def _come_back(self, line: list[Any], reserved: list[Any], ticket: Any) -> None:
        """Take the mutex after a wait; the reservation of *ticket* is used up."""
        try:
            self._must_enter()
        except BaseException:
            self._give_back(line, reserved, ticket)
            raise
        leave(reserved, ticket)

    def _go(self, line: list[Any]) -> None:
        """Give the mutex back after a wait that may have come to nothing: others may go on."""
        try:
            if line:
                self._serve()
        finally:
            self._exit()

    def _must_enter(self) -> None:
        if not self._enter(True):
            raise BlockingSwitchError(
                f"{self!r} was used by code that interrupts one of its own operations (a "
                "finalizer, a signal handler, or code under 'with queue.mutex'), and had to wait "
                "for its end. There write put() to a queue without a limit, or get_nowait()"
            )

    def _available(self) -> bool:
        return self._qsize() > len(self._items_reserved)

    def _has_place(self) -> bool:
        maxsize = self.maxsize
        return maxsize <= 0 or self._qsize() + len(self._places_reserved) < maxsize

    def _serve(self) -> None:
        """Hand out reservations for what is there; under the mutex."""
        while self._getters and self._available():
            _reserve(self._getters, self._items_reserved)
        while self._putters and self._has_place():
            _reserve(self._putters, self._places_reserved)

    def _accept(self, item: Any) -> None:
        self._put(item)
        self.unfinished_tasks += 1
        if self._getters:
            self._serve()

    def _take(self) -> Any:
        item = self._get()
        if self._putters:
            self._serve()
        return item

    def _empty_inbox(self) -> None:
        inbox = self.mutex.inbox
        while inbox:
            try:
                item = inbox.pop(0)
            except IndexError:
                return
            try:
                if item is _LOOK:
                    self._serve()
                else:
                    self._accept(item[0])
            except Exception as exc:  # that of a finalizer's put: nobody waits to be told
                args = (type(exc), exc, exc.__traceback__, "Exception ignored in put()", self)
                make: Any = sys.UnraisableHookArgs
                sys.unraisablehook(make(args))

    def _look_at_inbox(self) -> None:
        if self._enter(False):
            self.mutex.release()

    def _give_back(self, line: list[Any], reserved: list[Any], ticket: Any) -> None:
        """The reservation of *ticket* goes to the next one: it was killed, or found nothing."""
        leave(reserved, ticket)
        if line:
            self.mutex.inbox.append(_LOOK)
            self._look_at_inbox()

    def _wait(self, line: list[Any], reserved: list[Any], ticket: Any) -> bool:
        # park(), written out: this is the hot path of everything that hands items over.
        try:
            if ticket.park():
                return True
        except BaseException:
            if not leave(line, ticket):
                self._give_back(line, reserved, ticket)
            raise
        return not leave(line, ticket)

    async def _wait_async(
        self, line: list[Any], reserved: list[Any], ticket: Any, until: float
    ) -> bool:
        return await park_async(
            line, ticket, until, lambda: self._give_back(line, reserved, ticket)
        )


def _reserve(line: list[Any], reserved: list[Any]) -> None:
    try:
        ticket = line.pop(0)
    except IndexError:
        return
    reserved.append(ticket)
    if not wake(ticket):
        leave(reserved, ticket)


#: In the inbox: somebody gave a reservation back.
_LOOK: Final = ()


__all__ = ("Guarded",)
