"""Condition and Barrier."""

from __future__ import annotations

import asyncio
import threading as _stdlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .._originals import monotonic
from .._timers import NEVER
from .._waiting import parkable, sleep
from ._insist import insist
from ._lines import deadline_after, park, park_async
from ._locks import Lock, RLock
from ._tickets import CoroutineTicket, give, new_ticket

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")

# Between two looks at a lock that is not ours and cannot wake us, in seconds (guesses).
_FIRST_LOOK: Final = 0.0005
_LAST_LOOK: Final = 0.02


class Condition(_stdlib.Condition):
    """``threading.Condition`` for green threads, green tasks, coroutines and native threads.

    ``notify`` wakes whoever has waited longest. A coroutine writes ``async with condition:`` and
    ``await condition.wait_async()``.

    Args:
        lock: a ``greenbridge.Lock`` or ``RLock``; None makes an RLock. With any other lock green
            code that has to wait for it looks at it again and again.
    """

    __module__ = "greenbridge"

    _waiters: Any
    _lock: Any
    _is_owned: Any
    _release_save: Any
    _acquire_restore: Any

    def __init__(self, lock: Any = None) -> None:
        own: Any = RLock() if lock is None else lock
        super().__init__(own)
        self._waiters = []  # tickets

    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock back, wait to be notified, and take the lock again.

        Args:
            timeout: in seconds; None waits without limit.

        Returns:
            True if notified, False if the time was over.

        Raises:
            RuntimeError: if the caller does not have the lock.
            BlockingSwitchError: in a bare loop callback, if the wait could never end.

        On cancellation the lock is taken again first; a notification that came meanwhile wakes the
        next one who waits.
        """
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        ticket = new_ticket(deadline_after(timeout), self)
        self._waiters.append(ticket)
        saved = self._release_save()
        before: BaseException | None = None
        try:
            return park(self._waiters, ticket, self._pass_on)
        except BaseException as exc:
            before = exc
            raise
        finally:
            insist(self._acquire_again, saved, before)
            before = None
            self._back(ticket)

    async def wait_async(self, timeout: float | None = None) -> bool:
        """:meth:`wait` in a coroutine."""
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        deadline = deadline_after(timeout)
        ticket = CoroutineTicket()
        self._waiters.append(ticket)
        saved = self._release_save()
        try:
            return await park_async(self._waiters, ticket, deadline, self._pass_on)
        finally:
            cancelled: BaseException | None = None
            while True:
                try:
                    await self._take_async()
                    break
                except asyncio.CancelledError as exc:
                    cancelled = exc
            restore = getattr(self._lock, "_restore", None)
            if restore is not None:
                restore(saved)
            self._back(ticket)
            if cancelled is not None:
                raise cancelled

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate()`` is true, asked after each notification; gives what it said.

        The caller has the lock; *timeout* is in seconds, as are errors and cancellation those of
        :meth:`wait`.
        """
        until = None if timeout is None else monotonic() + timeout
        result = predicate()
        while not result:
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    async def wait_for_async(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """:meth:`wait_for` in a coroutine; *predicate* is an ordinary function."""
        until = None if timeout is None else monotonic() + timeout
        result = predicate()
        while not result:
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                break
            await self.wait_async(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake the *n* who have waited longest; they run when they get the lock.

        Raises:
            RuntimeError: if the caller does not have the lock.
        """
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        while n > 0 and give(self._waiters):
            n -= 1

    def notify_all(self) -> None:
        """Wake everybody who waits; otherwise as :meth:`notify`."""
        self.notify(len(self._waiters))

    async def acquire_async(self, timeout: float = -1) -> bool:
        """Take the lock in a coroutine; False after *timeout* seconds."""
        acquire = getattr(self._lock, "acquire_async", None)
        if acquire is not None:
            return await acquire(timeout)  # type: ignore[no-any-return]
        until = NEVER if timeout == -1 else monotonic() + timeout
        look = _FIRST_LOOK
        while not self._lock.acquire(False):
            if monotonic() >= until:
                return False
            await asyncio.sleep(look)
            look = min(2 * look, _LAST_LOOK)
        return True

    async def __aenter__(self) -> bool:
        return await self.acquire_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def _pass_on(self) -> None:
        give(self._waiters)

    def _back(self, ticket: object) -> None:
        """Called with the lock held, when *ticket* is done with; for who keeps more about it."""

    def _acquire_again(self, saved: Any) -> None:
        if isinstance(self._lock, (Lock, RLock)) or not parkable():
            self._acquire_restore(saved)
            return
        look = _FIRST_LOOK
        while not self._lock.acquire(False):
            sleep(look)
            look = min(2 * look, _LAST_LOOK)
        if hasattr(self._lock, "_acquire_restore"):  # it counts
            self._lock.release()
            self._acquire_restore(saved)

    async def _take_async(self) -> None:
        await self.acquire_async()


class Barrier(_stdlib.Barrier):
    """``threading.Barrier`` for green threads, green tasks, coroutines and native threads.

    Args:
        parties: how many must wait before all go on.
        action: called by one of them just before.
        timeout: in seconds, for :meth:`wait` when that gives none.

    Raises:
        ValueError: if *parties* is less than one (3.13).

    Somebody who is cancelled while it waits leaves the barrier as it was before it came.
    """

    __module__ = "greenbridge"

    _cond: Condition
    _state: int
    _count: int
    _timeout: float | None
    _parties: int

    def __init__(
        self,
        parties: int,
        action: Callable[[], Any] | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__(parties, action, timeout)
        self._cond = Condition(Lock())

    async def wait_async(self, timeout: float | None = None) -> int:
        """``wait`` in a coroutine: a number from 0 to ``parties - 1``, for each its own.

        Raises:
            threading.BrokenBarrierError: if it is broken, reset, or the time is over.
        """
        if timeout is None:
            timeout = self._timeout
        base: Any = self  # the parts of the stdlib's class that do not wait
        async with self._cond:
            while self._state in (-1, 1):
                await self._cond.wait_async()
            if self._state < 0:
                raise _stdlib.BrokenBarrierError
            index = self._count
            self._count += 1
            try:
                if index + 1 == self._parties:
                    base._release()
                else:
                    if not await self._cond.wait_for_async(lambda: self._state != 0, timeout):
                        base._break()
                        raise _stdlib.BrokenBarrierError
                    if self._state < 0:
                        raise _stdlib.BrokenBarrierError
                return index
            finally:
                self._count -= 1
                base._exit()


__all__ = ("Barrier", "Condition")
