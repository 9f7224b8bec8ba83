"""Queue, LifoQueue and PriorityQueue.

Theory of operation
-------------------
A queue's own state is changed under its ``mutex``, by the methods that subclasses may replace
(``_put``, ``_get``, ``_qsize``), as in the stdlib. Two things differ. Whoever waits is handed a
*reservation*, oldest first: nobody else takes the item (or the place) that is meant for it, and if
it is killed the reservation goes to the next one, while the item has never left its place in
the queue. And ``put`` never waits for the mutex where that could not end: a finalizer or signal
handler that interrupts its own thread inside ``get`` leaves the item in the *inbox*, and whoever
holds the mutex puts it in when done.
"""

from __future__ import annotations

import queue as _stdlib
from queue import Empty, Full
from typing import Any, Final, TypeVar

from greenlet import getcurrent

from .._carriers import Carrier
from .._owners import Waiter
from .._timers import NEVER
from ._conditions import Condition
from ._guarded import AN_ITEM, OVER, PUT, Guarded, Hook
from ._lines import deadline_after
from ._mutex import Side
from ._tickets import NOTHING, CoroutineTicket, give, leave, new_ticket
from ._vain import in_vain

T = TypeVar("T")

ShutDown: Final[type[Exception]] = getattr(_stdlib, "ShutDown", _stdlib.Empty)


class Queue(Guarded, _stdlib.Queue[T]):
    """``queue.Queue`` for green threads, green tasks, coroutines and native threads at once.

    Whoever has waited longest is served first. What does not block (``put`` without a limit, the
    ``_nowait`` forms) may be called anywhere: in finalizers, signal handlers and loop callbacks.
    It does not let others run, but for a green thread that has asked an empty queue in vain for
    milliseconds. A coroutine writes ``await queue.get_async()``, ``put_async`` and
    ``join_async``. Subclasses may replace ``_init``, ``_put``, ``_get`` and ``_qsize``.

    Args:
        maxsize: how many items there may be; zero or less is no limit.
    """

    __module__ = "greenbridge"

    _plain = True
    _put = Hook(_stdlib.Queue._put)
    _get = Hook(_stdlib.Queue._get)
    _qsize = Hook(_stdlib.Queue._qsize)

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        hooks = (cls._put, cls._get, cls._qsize)
        cls._plain = hooks == (Queue._put, Queue._get, Queue._qsize)

    unfinished_tasks: int

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self._init(maxsize)
        self._prepare()
        self.not_empty: Condition = Side(self.mutex, self._getters)
        self.not_full: Condition = Side(self.mutex, self._putters)
        self.all_tasks_done: Condition = Condition(self.mutex)
        self.unfinished_tasks = 0
        self.is_shutdown = False

    # -- put -------------------------------------------------------------------------------

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put *item* in, and wake whoever has waited longest for one.

        Args:
            block: wait for a place, if the queue has a limit and is full.
            timeout: for how long, in seconds; None waits without limit.

        Raises:
            Full: if there is no place, at once or in time.
            ShutDown: if the queue is shut down (3.13).
            ValueError: if *timeout* is negative.
            BlockingSwitchError: in a bare loop callback, if the wait could never end.

        On cancellation the item is not put in.
        """
        me: Any = getcurrent()
        held = self._held
        if (held or held.setdefault(0, me) is not me) and not self._enter_to_put(item, block):
            return
        try:
            if self._inbox:
                self._empty_inbox()
            if self.maxsize <= 0 and self._plain:  # _accept(), written out
                self.unfinished_tasks += 1
                if not self._getters or not give(self._getters, item):
                    self.queue.append(item)
                return
            if self.is_shutdown:
                raise ShutDown
            if self.maxsize > 0 and block and timeout is not None and timeout < 0:
                raise ValueError("'timeout' must be a non-negative number")
            if self._has_place():
                self._accept(item)
                return
            if not block or timeout == 0:
                raise Full
            until = deadline_after(timeout)
            ticket = new_ticket(until, self)
            self._putters.append(ticket)
        finally:
            del held[0]
            if self._inbox or self._wanted:
                self._look_at_inbox()
        self._put_later(item, ticket, until)

    def _put_later(self, item: T, ticket: Any, until: float) -> None:
        while self._wait(self._putters, ticket) is not OVER:
            self._come_back(ticket)
            try:
                if self._put_promised(item):
                    return
                ticket = new_ticket(until, self)
                self._putters.insert(0, ticket)
            finally:
                self._go()
        raise Full

    def _enter_to_put(self, item: T, block: bool) -> bool:
        """Take the mutex, which somebody has; False if *item* was put where they look for it."""
        limited = self.maxsize > 0
        if limited and block:
            self._must_enter()
            return True
        if limited and self._enter(False):
            return True
        if self.is_shutdown:
            raise ShutDown
        if limited and self._size() + len(self._inbox) >= self.maxsize:
            raise Full
        self._inbox.append((PUT, item))
        self._look_at_inbox()
        return False

    def _put_promised(self, item: T) -> bool:
        if self.is_shutdown:
            raise ShutDown
        if not self._has_place():
            return False
        self._accept(item)
        return True

    async def put_async(self, item: T, timeout: float | None = None) -> None:
        """:meth:`put` in a coroutine."""
        async with self.mutex:
            if self.maxsize > 0 and timeout is not None and timeout < 0 and not self.is_shutdown:
                raise ValueError("'timeout' must be a non-negative number")
            if self._put_promised(item):
                return
            until = deadline_after(timeout)
            ticket = CoroutineTicket()
            self._putters.append(ticket)
        while await self._wait_async(self._putters, ticket, until) is not OVER:
            self._come_back(ticket)
            try:
                if self._put_promised(item):
                    return
                ticket = CoroutineTicket()
                self._putters.insert(0, ticket)
            finally:
                self._go()
        raise Full

    # -- get -------------------------------------------------------------------------------

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take the next item out.

        Args:
            block: wait for an item if there is none.
            timeout: for how long, in seconds; None waits without limit.

        Raises:
            Empty: if there is none, at once or in time.
            ShutDown: if the queue is shut down and empty (3.13).
            ValueError: if *timeout* is negative.
            BlockingSwitchError: in a bare loop callback, if the wait could never end.

        On cancellation no item is taken: whoever waits next gets it.
        """
        me: Any = getcurrent()
        held = self._held
        if held or held.setdefault(0, me) is not me:
            if block:
                self._must_enter()
            elif not self._enter(False):
                raise Empty
        try:
            if self._inbox:
                self._empty_inbox()
            if timeout is not None and timeout < 0 and block:
                raise ValueError("'timeout' must be a non-negative number")
            if self._plain:  # _take(), written out
                if self.queue:
                    item = self.queue.popleft()
                    if self._putters:
                        self._serve()
                    return item  # type: ignore[no-any-return]
            elif (item := self._take()) is not NOTHING:
                return item  # type: ignore[no-any-return]
            if block and timeout != 0:
                until = NEVER if timeout is None else deadline_after(timeout)
                if type(me) is Carrier and (thread := me.thread).stepper is None:
                    ticket: Any = Waiter(thread, me, until)
                else:
                    ticket = new_ticket(until, self)
                self._getters.append(ticket)
            else:
                ticket = None
        finally:
            del held[0]
            if self._inbox or self._wanted:
                self._look_at_inbox()
        if ticket is None:
            in_vain()
            raise Empty
        return self._get_later(ticket, until)

    def _get_later(self, ticket: Any, until: float) -> T:
        while True:
            try:  # _wait(), written out
                in_time = ticket.park()
            except BaseException:
                if not leave(self._getters, ticket):
                    self._give_back(ticket)
                raise
            if not in_time and leave(self._getters, ticket):
                raise Empty
            try:
                gift = ticket.gift
            except AttributeError:
                gift = NOTHING
            if gift is not AN_ITEM and gift is not NOTHING:
                return gift  # type: ignore[no-any-return]
            self._come_back(ticket)
            try:
                if (item := self._take()) is not NOTHING:
                    return item  # type: ignore[no-any-return]
                ticket = new_ticket(until, self)
                self._getters.insert(0, ticket)
            finally:
                self._go()

    async def get_async(self, timeout: float | None = None) -> T:
        """:meth:`get` in a coroutine."""
        async with self.mutex:
            if timeout is not None and timeout < 0:
                raise ValueError("'timeout' must be a non-negative number")
            if (item := self._take()) is not NOTHING:
                return item  # type: ignore[no-any-return]
            until = deadline_after(timeout)
            ticket = CoroutineTicket()
            self._getters.append(ticket)
        while True:
            gift = await self._wait_async(self._getters, ticket, until)
            if gift is OVER:
                raise Empty
            if gift is not AN_ITEM and gift is not NOTHING:
                return gift  # type: ignore[no-any-return]
            self._come_back(ticket)
            try:
                if (item := self._take()) is not NOTHING:
                    return item  # type: ignore[no-any-return]
                ticket = CoroutineTicket()
                self._getters.insert(0, ticket)
            finally:
                self._go()

    def _take(self) -> Any:
        """The next item, or NOTHING; under the mutex.

        Raises:
            ShutDown: if there will be none.
        """
        size = self._size()
        if size > self._items_promised:
            item = self.queue.popleft() if self._plain else self._get()
            if self._putters:
                self._serve()
            return item
        if self.is_shutdown and not size:
            raise ShutDown
        return NOTHING

    # -- the rest --------------------------------------------------------------------------

    def qsize(self) -> int:
        """How many items there are now."""
        return self._size() + sum(what is PUT for what, _ in self._inbox)

    def empty(self) -> bool:
        """Whether there is no item now."""
        in_vain()
        return not self.qsize()

    def full(self) -> bool:
        """Whether there are as many items as there may be now."""
        return 0 < self.maxsize <= self.qsize()

    def task_done(self) -> None:
        """Say that an item that was taken out is dealt with; see :meth:`join`.

        Raises:
            ValueError: if it was called more often than there were items.
        """
        self._must_enter()
        try:
            unfinished = self.unfinished_tasks - 1
            if unfinished < 0:
                raise ValueError("task_done() called too many times")
            if not unfinished:
                self.all_tasks_done.notify_all()
            self.unfinished_tasks = unfinished
        finally:
            self._exit()

    def join(self) -> None:
        """Wait until :meth:`task_done` was called for every item that was put in.

        On cancellation the wait ends, and nothing else is changed.
        """
        super().join()

    async def join_async(self) -> None:
        """:meth:`join` in a coroutine."""
        async with self.all_tasks_done as _:
            while self.unfinished_tasks:
                await self.all_tasks_done.wait_async()

    if hasattr(_stdlib.Queue, "shutdown"):

        def shutdown(self, immediate: bool = False) -> None:
            """Let ``put`` raise ShutDown from now on, and ``get`` once the queue is empty.

            With *immediate* the items are dropped, each counted as done. Everybody who waits is
            woken. Never waits for anything but the mutex.
            """
            self._plain = False
            super().shutdown(immediate)  # type: ignore[misc]  # where there is one


class LifoQueue(Queue[T], _stdlib.LifoQueue[T]):
    """A :class:`Queue` that gives the item that was put in last."""

    __module__ = "greenbridge"

    _init = _stdlib.LifoQueue._init
    _qsize = _stdlib.LifoQueue._qsize
    _put = _stdlib.LifoQueue._put
    _get = _stdlib.LifoQueue._get


class PriorityQueue(Queue[T], _stdlib.PriorityQueue[Any]):
    """A :class:`Queue` that gives the smallest item."""

    __module__ = "greenbridge"

    _init = _stdlib.PriorityQueue._init
    _qsize = _stdlib.PriorityQueue._qsize
    _put = _stdlib.PriorityQueue._put
    _get = _stdlib.PriorityQueue._get


__all__ = ("LifoQueue", "PriorityQueue", "Queue")
