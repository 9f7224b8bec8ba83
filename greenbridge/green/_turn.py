"""A lock for a resource that green threads, green tasks and native threads use in any mix."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, final

from .._delivery import INTERRUPTED, PENDING
from .._originals import allocate_lock, monotonic
from .._portal import current_owner, make_waiter
from .._timers import NEVER

# What a native lock takes at most as a timeout, in seconds (about 292 years).
_LOCK_MAX_S: Final = 9_223_372_036.0


class _NativeWaiter:
    """A native thread that waits for its turn."""

    __slots__ = ("_deadline", "_lock", "state")

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._lock = allocate_lock()
        self._lock.acquire()
        self.state = PENDING

    def park(self) -> bool:
        if self._deadline == NEVER:
            return self._lock.acquire()
        left = max(0.0, self._deadline - monotonic())
        return self._lock.acquire(timeout=min(left, _LOCK_MAX_S))

    def wake(self) -> bool:
        self._lock.release()
        return True


@final
class Turn:
    """A mutual exclusion lock; 0.1 us where nobody competes, in green code and in native threads.

    Whoever is woken tries again, so a turn is never handed to somebody who was cancelled. On a
    hot path ``acquire`` and ``release`` may be written out: ``lock.acquire(False)``, then
    ``lock.release()`` and, if there is something in ``waiting``, ``wake_next()``.
    """

    __slots__ = ("lock", "waiting")

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.waiting: deque[Any] = deque()

    def acquire(self, deadline: float | None = None) -> bool:
        """Take the turn; False at the *deadline* (``time.monotonic()`` seconds, None is never).

        Parks in green code while somebody else has it. On cancellation it is not taken.
        """
        if self.lock.acquire(False):
            return True
        when = NEVER if deadline is None else deadline
        while True:
            owner = current_owner()
            waiter = _NativeWaiter(when) if owner is None else make_waiter(owner, when)
            self.waiting.append(waiter)
            if self.lock.acquire(False):  # released before we stood in the queue
                waiter.state = INTERRUPTED  # it never parks, so nothing may wake it
                self._leave(waiter)
                return True
            try:
                woken = waiter.park()
            except BaseException:
                self._leave(waiter)
                raise
            if self.lock.acquire(False):
                self._leave(waiter)
                return True
            if not woken:
                self._leave(waiter)
                return False

    def release(self) -> None:
        """Give it back, and wake who has waited longest."""
        self.lock.release()
        if self.waiting:
            self.wake_next()

    def wake_next(self) -> None:
        """Wake who has waited longest, if anybody waits."""
        while True:
            try:
                waiter = self.waiting.popleft()
            except IndexError:
                return
            if waiter.wake():
                return

    def _leave(self, waiter: Any) -> None:
        """*waiter* goes without waiting; if it was woken meanwhile, somebody else is instead."""
        try:
            self.waiting.remove(waiter)
        except ValueError:
            if not self.lock.locked():
                self.wake_next()
