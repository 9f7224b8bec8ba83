"""All deadlines of a hub, under one timer of its loop.

A ``call_later`` and its ``cancel`` cost about 0.9 us on uvloop, and nearly all
deadlines are never reached: a ``recv`` with a 5 s timeout is answered in
milliseconds. So nothing is cancelled here. Everything that can wait (an *owner*)
keeps the deadline of its current wait in an attribute, and at most one entry in
the heap, at or before that deadline. When the entry comes up, the owner either
has run out of time, or is put back for the deadline that it has by then, or
does not wait at all and leaves the heap. A loop of short waits under a long
timeout therefore touches the heap once per timeout, not once per wait.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, Protocol

from ._errors import BadTimeoutError
from ._originals import monotonic

if TYPE_CHECKING:
    import asyncio

NEVER: Final = float("inf")
# Below this number of entries a heap of dead ones is not worth rebuilding (a guess).
_COMPACT_FROM: Final = 64


def check_seconds(seconds: float | None) -> None:
    """Refuse a negative or NaN timeout. (``not >=`` is true for NaN as well.)"""
    if seconds is not None and not seconds >= 0:
        raise BadTimeoutError(
            f"timeout must be zero or more seconds, not {seconds!r}. "
            "Write None to wait without limit, 0 not to wait"
        )


class Timed(Protocol):
    """What can be in the heap."""

    timer_at: float  # when its newest heap entry is due; NEVER if it has none

    def due(self, now: float) -> float:
        """Its time has come: act if it is really due; return the next time to ask, or NEVER."""
        ...


class Timers:
    """The heap of one hub. Times are ``time.monotonic()`` seconds."""

    __slots__ = ("_count", "_handle", "_heap", "_loop", "_next", "_stale")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, Timed]] = []
        self._count = 0  # breaks ties: first come, first served
        self._next = NEVER  # when the loop's timer fires
        self._handle: asyncio.TimerHandle | None = None
        self._stale = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, what: Timed, when: float) -> None:
        """Ask *what* at *when*. Call it only if ``when < what.timer_at``."""
        if what.timer_at != NEVER:
            self._stale += 1  # its later entry stays behind
        what.timer_at = when
        self._count += 1
        heappush(self._heap, (when, self._count, what))
        if when < self._next:
            self._arm(when)

    def discard(self, what: Timed) -> None:
        """*what* will never wait again; its entry goes when enough others do."""
        if what.timer_at != NEVER:
            what.timer_at = NEVER
            self._stale += 1
            if self._stale > _COMPACT_FROM and self._stale * 2 > len(self._heap):
                self._heap = [e for e in self._heap if e[2].timer_at == e[0]]
                heapify(self._heap)
                self._stale = 0

    def clear(self) -> None:
        """Forget everything; the loop is about to close."""
        self._heap.clear()
        self._next = NEVER
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = when
        self._handle = self._loop.call_later(max(0.0, when - monotonic()), self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._next = NEVER
        now = monotonic()
        try:
            while self._heap and self._heap[0][0] <= now:
                when, _, what = heappop(self._heap)
                if what.timer_at != when:
                    self._stale -= 1
                    continue
                what.timer_at = NEVER
                again = what.due(now)
                if again < what.timer_at:
                    what.timer_at = again
                    self._count += 1
                    heappush(self._heap, (again, self._count, what))
        finally:
            self._rearm()

    def _rearm(self) -> None:
        if self._heap and self._heap[0][0] < self._next:
            # uvloop rounds to milliseconds and may fire early: never less than one ahead, or the
            # loop would spin through the last fraction.
            self._next = self._heap[0][0]
            self._handle = self._loop.call_later(max(0.001, self._next - monotonic()), self._fire)
