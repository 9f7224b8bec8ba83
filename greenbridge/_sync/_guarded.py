"""What is under a queue: its mutex, the reservations, the inbox. See ``_queues``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._errors import BlockingSwitchError
from .._timers import NEVER
from ._callers import same_os_thread, whoami
from ._lines import park_async
from ._mutex import Mutex
from ._tickets import give, leave


class Guarded:
    """The parts of a queue that do not depend on what it keeps."""

    maxsize: int
    unfinished_tasks: int

    if TYPE_CHECKING:

        def _qsize(self) -> int: ...
        def _put(self, item: Any) -> None: ...
        def _get(self) -> Any: ...

    def _prepare(self) -> None:
        self.mutex: Any = Mutex(self)  # type: ignore[arg-type]  # the queue that this is a part of
        self._held: dict[int, tuple[Any, int]] = self.mutex._held
        self._wanted: list[Any] = self.mutex._line  # who waits for the mutex
        self._inbox: list[tuple[Any, ...]] = []
        self._getters: list[Any] = []
        self._putters: list[Any] = []
        # The tickets of those who were handed an item or a place and have not come for it.
        self._items_reserved: list[Any] = []
        self._places_reserved: list[Any] = []

    # -- the mutex -------------------------------------------------------------------------

    def _enter(self, waits: bool) -> bool:
        """Take the mutex; False where that would mean to wait for oneself, or to switch.

        *waits*: the caller may let others run. Another OS thread is waited for in any case: it
        holds the mutex for some microseconds.
        """
        me: Any = getcurrent()
        mark = (me, 1)
        found = self._held.setdefault(0, mark)
        if found is not mark:
            holder = found[0]
            if holder is me or holder is whoami(me):
                return False
            if waits:
                self.mutex._wait(me, NEVER, holder)
            elif same_os_thread(holder):
                return False
            else:
                self.mutex.acquire_natively(me)
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
        inbox = self._inbox
        while inbox:
            mark = (getcurrent(), 1)
            if self._held.setdefault(0, mark) is not mark:
                return
            try:
                self._empty_inbox()
            finally:
                del self._held[0]
        if self._wanted:
            self.mutex._settle()

    def _empty_inbox(self) -> None:
        inbox = self._inbox
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

    # -- under the mutex -------------------------------------------------------------------

    def _has_place(self) -> bool:
        maxsize = self.maxsize
        return maxsize <= 0 or self._qsize() + len(self._places_reserved) < maxsize

    def _serve(self) -> None:
        """Hand out reservations for what is there."""
        getters, putters = self._getters, self._putters
        while getters and self._qsize() > len(self._items_reserved):
            give(getters, self._items_reserved)
        while putters and self._has_place():
            give(putters, self._places_reserved)

    def _accept(self, item: Any) -> None:
        self._put(item)
        self.unfinished_tasks += 1
        if self._getters:
            self._serve()

    # -- waiting ---------------------------------------------------------------------------

    def _wait(self, line: list[Any], reserved: list[Any], ticket: Any) -> bool:
        """Wait with *ticket* in *line*, and come back with the mutex: True if it was served."""
        # Lined._stand, written out: this is the hot path of everything that hands items over.
        try:
            in_time = ticket.park() or not leave(line, ticket)
        except BaseException:
            if not leave(line, ticket):
                self._give_back(line, reserved, ticket)
            raise
        self._come_back(line, reserved, ticket)
        return in_time

    async def _wait_async(
        self, line: list[Any], reserved: list[Any], ticket: Any, until: float
    ) -> bool:
        in_time = await park_async(
            line, ticket, until, lambda: self._give_back(line, reserved, ticket)
        )
        self._come_back(line, reserved, ticket)
        return in_time

    def _come_back(self, line: list[Any], reserved: list[Any], ticket: Any) -> None:
        """Take the mutex after a wait; the reservation of *ticket* is used up."""
        mark = (getcurrent(), 1)
        if self._inbox or self._held.setdefault(0, mark) is not mark:
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

    def _give_back(self, line: list[Any], reserved: list[Any], ticket: Any) -> None:
        """The reservation of *ticket* goes to the next one: it was killed, or found nothing."""
        leave(reserved, ticket)
        if line:
            self._inbox.append(_LOOK)
            self._look_at_inbox()


#: In the inbox: somebody gave a reservation back.
_LOOK: Final = ()


__all__ = ("Guarded",)
