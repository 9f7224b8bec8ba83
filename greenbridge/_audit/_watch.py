"""The beat of a loop, and the watchdog that looks whether it comes: see ``__init__``."""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, final

from .._hub import HUBS
from .._originals import allocate_lock, get_ident, monotonic, start_new_thread
from .._portal import Stepper
from .._threadstate import get_running_loop
from ._clocks import Clock
from ._holds import Gil, Hold, judge, note_calls
from ._stacks import Stack, Trail, who_runs

if TYPE_CHECKING:
    from collections.abc import Callable

# How many times in a limit the watchdog looks; the first look at a hold and the last one are what
# it is judged by, so it takes a few. A guess.
_LOOKS: Final = 4
# It does not look more often than this: each look takes the GIL for some ten microseconds.
_PERIOD_MIN_S: Final = 0.005
# Woken later than this, not counting the queue for a CPU, it has waited for the GIL. Without a
# rival the kernel and the interpreter take a tenth of it.
_ON_TIME_S: Final = 0.002
# As long as this no Python code keeps the GIL when it is asked for: sys.getswitchinterval() is
# 0.005. What takes longer is one call in C.
_ONE_CALL_S: Final = 0.03
# So much of that time the loop's thread must have been on a CPU or in the queue for one.
_KEPT: Final = 0.9


@final
class Watch:
    """One loop, how long it may be held, and what is told of longer holds.

    *sink* is called in the watchdog's thread: it must not block, and not use ``threading``.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit: float, sink: Callable[[Hold], object]
    ) -> None:
        self.loop = loop
        self.limit = limit
        self.period = max(limit / _LOOKS, _PERIOD_MIN_S)
        self.sink = sink
        self.over = False
        self.busy = 0  # how often many short steps made the loop turn too slowly
        # What the beat writes, in the loop's thread.
        self._context = contextvars.Context()
        self._beats = 0
        self._due = 0.0
        self._gaps: deque[tuple[float, float]] = deque(maxlen=1000)
        self._ident = 0
        self._clock: Clock | None = None
        #: What only the loop's thread may drop: frames, whose locals are its own.
        self.trash: deque[Trail] = deque()
        # What the watchdog writes.
        self._seen = -1
        self._cpu = 0.0
        self._queued: float | None = None  # at the last look, if it was read then
        self._spared: bool | None = None  # until it has been looked at
        self._was_spared = True
        self._turned = False
        self._overdue = 0.0
        self._credit = self._burnt = self._kept = 0.0
        self._late = 0  # looks that had to wait for the GIL, less those that had not
        self._trail: Trail | None = None
        self._old: Trail | None = None  # of what came before the last beat

    def start(self) -> None:
        """Begin, from any OS thread."""
        loop = self.loop
        # Before all else that it has to run, if that can be.
        soon = loop.call_soon_threadsafe
        if loop is get_running_loop() or not loop.is_running():
            soon = loop.call_soon
        soon(self._beat, context=self._context)
        _dog.take(self)

    def stop(self) -> None:
        """End; a hold that lasts is still judged."""
        self.over = True

    def _beat(self) -> None:
        now = monotonic()
        if self.over:
            self.trash.clear()
            return
        if self._due and now - self._due >= self.limit / 2:
            self._gaps.append((self._due, now))
        self._due = now + self.period
        self._beats += 1
        if self.trash:
            self.trash.clear()
        if get_ident() != self._ident:
            self._clock = Clock(get_ident(), threading.get_native_id())
            self._ident = get_ident()
        self.loop.call_later(self.period, self._beat, context=self._context)

    # -- in the watchdog's thread ----------------------------------------------------------

    def glance(self, now: float) -> None:
        """What must be seen at once: the first thing that releases the GIL lets the loop go on."""
        if self._clock is None:
            return  # it has not run yet
        spared = self._is_spared()
        self._was_spared = spared if self._spared is None else self._spared
        self._spared = spared
        self._turned = self._beats != self._seen
        if self._turned:
            self._seen = self._beats
            self._old, self._trail = self._trail, None
        self._overdue = now - self._due
        if self._overdue < self.limit / _LOOKS or self._spared:
            return
        frame = sys._current_frames().get(self._ident)
        if frame is None:
            return
        hub = self._hub()
        stack = Stack(frame, hub and (hub.switches, len(hub.round)))
        if self._trail is not None and not self._trail.add(stack):
            # The loop has gone on, and only its beat had no turn yet.
            self._old, self._trail, self._turned = self._trail, None, True
        if self._trail is None:
            self._trail = Trail(stack, who_runs(self.loop, hub))

    def is_suspect(self) -> bool:
        """Whether the beat is overdue, by however little."""
        return self._overdue > 0 or self._trail is not None or self._old is not None

    def look(self, before: float, now: float, late_s: float) -> None:
        """Count what the loop did since *before*; the look had to wait *late_s* for the GIL."""
        clock = self._clock
        if clock is None:
            return
        cpu = clock.cpu()
        burnt = proved = max(0.0, cpu - self._cpu)
        self._cpu = cpu
        if not (self.is_suspect() or self._gaps):
            self._queued = None
            return
        # Reading this releases the GIL, which may take long to come back: only where it matters.
        before_s, self._queued = self._queued, clock.queued()
        if before_s is not None and late_s <= _ON_TIME_S:
            proved = max(burnt, now - before - max(0.0, self._queued - before_s))
        if self._was_spared or self._spared:
            proved = 0.0
        if self._turned:
            gap = self._gaps[-1] if self._gaps else None
            self._gaps.clear()
            if self._old is not None:
                if gap is not None:
                    self._count(min(proved, gap[1] - max(before, gap[0])), burnt)
                self._judge(self._old)
                self.trash.append(self._old)
                self._old = None
            self._credit = self._burnt = self._kept = 0.0
            self._late = 0
        if self._trail is not None:
            self._count(min(proved, self._overdue, now - before), burnt)
            if self._credit > self.limit / 2:
                note_calls(self._trail)
            self._late += 1 if late_s > _ON_TIME_S else -1
            queue = 0.0 if before_s is None else max(0.0, self._queued - before_s)
            # Else the loop's thread has waited for the GIL as well: somebody else had it.
            if late_s > _ONE_CALL_S and burnt + queue >= _KEPT * late_s:
                self._kept += min(late_s, burnt)

    def _count(self, seconds: float, burnt: float) -> None:
        if seconds > 0:
            self._credit += seconds
            self._burnt += min(burnt, seconds)

    def _judge(self, trail: Trail | None) -> None:
        if trail is None or self._credit < self.limit:
            return
        gil: Gil = "free"
        if self._kept > self._credit / 2:
            gil = "kept"
        elif self._late > 0:
            gil = "asked for"
        if gil != "kept" and trail.count < 2:
            self.busy += 1  # one look says nothing of what was before it
            return
        hold = judge(trail, self._credit, self._burnt, gil)
        if hold is None:
            self.busy += 1
        else:
            self.sink(hold)

    def finish(self) -> None:
        """Judge the hold that lasts, or was over a moment ago, for a program that ends."""
        self._judge(self._old or self._trail)
        self._credit = 0.0
        self.trash.extend(trail for trail in (self._old, self._trail) if trail is not None)
        self._old = self._trail = None

    def _hub(self) -> Any:
        for hub in HUBS:
            if hub.loop is self.loop and not hub.closed:
                return hub
        return None

    def _is_spared(self) -> bool:
        """Whether nobody is held up: the loop does not run, or has nothing to do but the program.

        The main program beside a hub of its own may compute as long as it likes when no green
        thread and no Task is there that could want to run.
        """
        if not self.loop.is_running():
            return True
        hub = self._hub()
        if hub is None or not hub.owned or hub.threads or hub.ready:
            return False
        try:
            tasks = asyncio.all_tasks(self.loop)
        except RuntimeError:  # they come and go too fast
            return False
        return all(isinstance(task.get_coro(), Stepper) for task in tasks)


class _Dog:
    """The watchdog: one OS thread for all watches, there as long as one of them is."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._lock = allocate_lock()  # held while the list changes, and while it is looked at
        self._pause = allocate_lock()  # released to wake the watchdog early
        self._runs = False

    def take(self, watch: Watch) -> None:
        with self._lock:
            self._watches.append(watch)
            if self._runs:
                self._wake()  # its period may be shorter
                return
            self._runs = True
        started = allocate_lock()
        started.acquire()
        start_new_thread(self._run, (started,))
        started.acquire()  # or a call that keeps the GIL would be over before it looks

    def finish(self, watch: Watch) -> None:
        """Judge what *watch* has seen, here and now, and end it."""
        watch.stop()
        with self._lock:
            if watch in self._watches:
                self._watches.remove(watch)
                watch.finish()
        self._wake()

    def reset(self) -> None:
        """In the child of a fork: the watchdog is not there, and the loops are the parent's."""
        self.__init__()  # type: ignore[misc]

    def _wake(self) -> None:
        try:
            self._pause.release()
        except RuntimeError:
            pass

    def _run(self, started: Any) -> None:
        pause = self._pause
        pause.acquire(False)
        before = monotonic()
        mine = Clock(get_ident(), threading.get_native_id())
        queued: float | None = None  # at the last look, if it was read then
        started.release()
        while True:
            with self._lock:
                self._watches = [w for w in self._watches if not _is_over(w)]
                if not self._watches or pause is not self._pause:
                    self._runs = False
                    return
                period = min(watch.period for watch in self._watches)
            early = pause.acquire(True, period)
            now = monotonic()
            watches = self._watches
            for watch in watches:
                watch.glance(now)
            last, queued = queued, None
            if any(watch.is_suspect() for watch in watches):
                queued = mine.queued()
            late_s = 0.0 if early else now - before - period
            if last is not None and queued is not None:
                late_s -= queued - last
            with self._lock:
                for watch in watches:
                    if watch in self._watches:
                        watch.look(before, now, late_s)
            before = now


def _is_over(watch: Watch) -> bool:
    if watch.over or watch.loop.is_closed():
        watch.finish()
        return True
    return False


_dog: Final = _Dog()
finish: Final = _dog.finish

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_dog.reset)
