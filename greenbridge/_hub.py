"""The hub: one per OS thread. It runs the ready queue on the thread's event loop.

Theory of operation
-------------------
The event loop runs in one greenlet, the *hub greenlet*. Every other greenlet that waits is
switched to in one of two ways:

* The *drain* callback, which the loop runs once per iteration, switches into it.
* A greenlet that parks switches straight into the next one (*direct handover*), so a round of
  ``sleep(0)`` among a hundred green threads passes through the hub once, not a hundred times.

A *round* (``Hub.round``) is a queue: those that were ready when it began, and at its end the hub
greenlet itself. Whoever parks takes the first of the queue and switches to it, whatever it is: so
nothing is counted at a switch, and the loop is never starved. The first few (``Hub.more``) that
are woken in a round may still run in it, before the hub, or who hands something to and fro would
pay for an iteration of the loop each time. ``sleep(0)`` is no wake: it always gives way to the
loop. Code that runs in a greenlet of green code can switch to the hub by hand, past the queue. Then
the round ends early, and who had no turn is first in the next one.

On uvloop no other callback may switch, though it would save a step when a descriptor becomes
readable (on asyncio's own loops it does, see ``direct``): while libuv delivers events it keeps
pointers into its C stack (``uv__io_poll``, ``uv__run_timers``), a switch moves that stack away,
and the next ``remove_reader`` writes through them. The drain runs from libuv's idle handle, which
keeps none.

The hub greenlet is the one that runs the application's own loop, found anew at every callback
(``asyncio.run`` may be called again from elsewhere); or, when no loop runs in the thread (a plain
script, ``greenbridge.run``), a greenlet that the hub starts and that calls ``run_forever``. In the
second case the program's own greenlet (the *root*) parks like a green thread.

Inside green threads the loop is hidden; see ``_threadstate``. Waits made on behalf of an asyncio
Task never come here: they yield a future to the Task (``_portal``). The way not taken: parking
inside a Task's step. asyncio would believe that the Task still runs, ``Task.cancel()`` could not
reach it, and the next Task could not be entered.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent, greenlet

from . import _threadstate as _state
from ._carriers import Carrier
from ._errors import SwitchForbiddenError
from ._originals import get_ident, monotonic, thread_local
from ._owners import Root
from ._report import call_of_ours
from ._tasks import of_caller
from ._threadstate import NESTED, get_running_loop, set_running_loop
from ._timers import NEVER, Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._fds import Fd


# A round is cut short after this many seconds: each green thread may compute for a millisecond,
# and everything else waits meanwhile (timers, the application's own tasks). A guess.
_ROUND_MAX_S: Final = 0.004
# It may be longer if many are ready, so that each of them has its turn before the loop looks at the
# descriptors again, and reports those that nobody has read yet a second time (a guess).
_ROUND_EACH_S: Final = 0.00003
_MANY: Final = int(_ROUND_MAX_S / _ROUND_EACH_S)
# Green threads between two looks at the clock, and how many that are woken in a round may still
# run in it, at most. Where they compute for long, it is one.
_ROUND_STEP: Final = 16


class _Local(thread_local):  # type: ignore[misc, valid-type]  # bound at run time
    hub: Hub | None = None
    guard: object = None  # ends the hub with its OS thread


_local: Final = _Local()
#: Called with a hub that has started itself (the teardown arranges its end).
on_self_start: Final[list[Callable[[Hub], None]]] = []
#: Called with a hub that has attached itself to a loop of the application's.
on_attach: Final[list[Callable[[Hub], None]]] = []
#: Every hub that has not ended, in any thread (a descriptor may be closed by another thread).
HUBS: Final[list[Hub]] = []


class Hub:
    """The scheduler of one OS thread; not public. Get it with ``_hubs.get_hub``."""

    __slots__ = (
        "__weakref__",
        "asked",
        "busy",
        "call_soon",
        "carriers",
        "closed",
        "context",
        "direct",
        "drain",
        "fds",
        "forbidden",
        "fresh",
        "greenlet",
        "hooks",
        "ident",
        "keeper",
        "loop",
        "more",
        "on_stop",
        "owned",
        "pid",
        "pinned",
        "ready",
        "root",
        "round",
        "scheduled",
        "stalls",
        "step",
        "switches",
        "threads",
        "timers",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, own: greenlet | None) -> None:
        """*own* is the greenlet that runs *loop* now; None: the hub runs it in one of its own."""
        self.loop = loop
        self.ident = get_ident()
        self.ready: deque[Any] = deque()  # greenlets, and GreenThreads that have not begun
        self.scheduled = False
        self.step = _ROUND_STEP
        self.more = 0  # how many that are woken now may run in this round; none outside of one
        self.busy = NEVER  # when the last round ended, if all of `more` was used up in it
        self.timers = Timers(loop)
        self.fds: dict[int, Fd] = {}
        self.carriers: list[Any] = []  # idle ones
        self.threads: set[Any] = set()  # green threads that have not finished
        self.round: deque[Any] = deque()  # whose turn it is, and then the hub greenlet
        self.fresh: Any = None  # what the hub has to begin before the round goes on
        # Who may not park now (see runner_of), and why; the key None means everybody.
        self.forbidden: dict[Any, str] | None = None
        self.switches = 0  # see count_switches
        self.asked: Any = (None, 0.0)  # in which turn somebody polled last, and since when
        self.stalls = 0
        self.closed = False
        self.pid = os.getpid()
        self.keeper: Any = None
        # Callbacks of the hub run in a context of their own, not in a copy of whatever was
        # current when they were scheduled: greenlets bring their own contexts.
        self.context = contextvars.Context()
        # asyncio's own loops keep nothing on the stack while they call back, so there a callback
        # may switch at once. (Queueing would cost more there than a step: the descriptor is still
        # readable when the loop looks next, and the callback would run again for nothing.)
        self.direct = isinstance(loop, asyncio.BaseEventLoop)
        self.call_soon = loop.call_soon
        self.drain = self._drain
        # A plain tuple: the garbage collector does not look into the one that it is.
        self.hooks: Any = tuple(sys.get_asyncgen_hooks())
        # Called when somebody stops a loop that the hub runs: it goes on, but the main program
        # may wait for that (_program).
        self.on_stop: Callable[[], object] | None = None
        self.pinned = False  # it ends with greenbridge.run(), not before
        self.owned = own is None
        self.root: Root | None = None
        if own is None:
            self.call_soon(self._note_hooks, context=self.context)
            self.root = Root(self, getcurrent())
            self.greenlet = greenlet(self._run_loop)
            self.round.append(self.greenlet)
        else:
            self.greenlet = own
        HUBS.append(self)

    # -- scheduling ------------------------------------------------------------------------

    def schedule(self, g: Any) -> None:
        """Make *g* run in the next round. Only in the hub's OS thread."""
        self.ready.append(g)
        if not self.scheduled:
            self.schedule_drain()

    def schedule_drain(self) -> None:
        self.call_soon(self.drain, context=self.context)
        self.scheduled = True

    def count_switches(self) -> int:
        """How often green code has come back to the CPU after it had left it.

        Who comes into a round is counted at once, so a switch has nothing to count.
        """
        return self.switches - self.count_round()

    def count_round(self) -> int:
        """How many have their turn before the hub."""
        return len(self.round) - self.round.count(self.greenlet)

    def call_threadsafe(self, fn: Callable[..., object], *args: Any) -> None:
        """Run *fn* in a callback of the hub's loop; from any OS thread."""
        try:
            self.loop.call_soon_threadsafe(fn, *args, context=self.context)
        except RuntimeError:
            if not self.closed and not self.loop.is_closed():
                raise
            # The loop is gone, and with it everything that could have been woken.

    def check_switch(self) -> None:
        """Raise if the running code said that it must not lose the CPU."""
        why = None if self.forbidden is None else of_caller(self.forbidden)
        if why is None:
            return
        # If it has made itself ready to come back at once, it must not be switched to later.
        for queue in (self.ready, self.round):
            while getcurrent() in queue:
                queue.remove(getcurrent())
                self.switches -= queue is self.round
        raise SwitchForbiddenError(f"{why} What had to wait: {call_of_ours(sys._getframe(1))}.")

    def park(self) -> None:
        """Leave the CPU; returns when somebody switches back into this greenlet."""
        if self.forbidden is not None:
            self.check_switch()
        if NESTED:
            self._park_nested()
        else:
            self.switch_out()

    def way_out(self) -> Callable[[], object]:
        """What to call to :meth:`park`: without a Python frame more, where that can be.

        Each frame below a wait costs some 170 bytes for as long as it lasts (CPython 3.12 on).
        """
        if NESTED or self.forbidden is not None:
            return self.park
        following = self.round.popleft()
        return (following or self.leave(following)).switch

    def leave(self, following: Any) -> greenlet:
        """Who is switched to instead of *following*, the first of the round, which has not begun.

        That is left to the hub: a greenlet begins at the stack depth of whoever starts it, so a
        chain of a thousand, each begun by the one before, would end in RecursionError and ten
        thousand at the end of the C stack.
        """
        if following is not self.greenlet:
            self.fresh = following
        return self.greenlet

    def give_way(self) -> None:
        """Let everything else that is ready, and the loop, run first."""
        if self.forbidden is not None:
            self.check_switch()
        self.schedule(getcurrent())
        self.park()

    def _park_nested(self) -> None:
        if get_running_loop() is None:  # it runs none, or that has ended meanwhile
            NESTED.discard(getcurrent())
            self.switch_out()
            return
        state = _state.suspend(self.hooks)
        try:
            self.switch_out()
        finally:
            _state.resume(state)

    def switch_out(self) -> None:
        """What :meth:`park` does for a greenlet that runs no loop, without the checks."""
        following = self.round.popleft()
        if not following:
            following = self.leave(following)
        following.switch()

    def _drain(self) -> None:
        """One round: run what is ready now, and some of what becomes ready meanwhile."""
        self.scheduled = False
        own = self.greenlet = getcurrent()
        ready = self.ready
        self.more = self.step
        set_running_loop(None)
        try:
            if len(ready) == 1:
                self.round.append(own)
                self.switches += 1
                following = ready.popleft()
                if following:
                    following.switch()
                else:
                    self.fresh, following = following, None
                if self.fresh is not None:
                    self._begin()
            elif ready:
                self._long_round(own)
        finally:
            self.busy = NEVER if self.more else self._adapt()
            self.more = 0
            set_running_loop(self.loop)
            if self.round:
                self._end_early(own)
            if ready and not self.scheduled:
                self.schedule_drain()

    def _long_round(self, own: greenlet) -> None:
        """A round of more than one: the hub looks at the clock now and then."""
        ready, queue = self.ready, self.round
        left = len(ready)
        until = monotonic() + (_ROUND_MAX_S if left < _MANY else left * _ROUND_EACH_S)
        self.switches += left
        queue.extend(ready)
        ready.clear()
        queue.append(own)
        while True:
            if len(queue) > self.step + 1:
                queue.insert(self.step, own)
            following = queue.popleft()
            if following:
                following.switch()
            else:
                self.fresh, following = following, None
            if self.fresh is not None:
                self._begin()
            if monotonic() > until:
                self.step = max(1, self.step // 2)  # look sooner, the next time
                break
            self.step = min(_ROUND_STEP, self.step * 2)
            if not queue:
                break
            if queue[-1] is not own:  # a finalizer woke somebody when the hub was chosen already
                queue.append(own)

    def _end_early(self, own: greenlet) -> None:
        """Who had no turn in this round is first in the next."""
        left = [g for g in self.round if g is not own]
        self.round.clear()
        self.switches -= len(left)
        self.ready.extendleft(reversed(left))

    def _adapt(self) -> float:
        """Fewer may be woken in a round where that made it long; more again where it did not."""
        now = monotonic()
        slow = now - self.busy > _ROUND_MAX_S  # since the round before this one
        self.step = max(1, self.step // 2) if slow else min(_ROUND_STEP, self.step * 2)
        return now

    def _begin(self) -> None:
        """Start what has not begun, for as long as such is next."""
        while self.fresh is not None:
            fresh, self.fresh = self.fresh, None
            if isinstance(fresh, greenlet):
                fresh.switch()
            elif fresh.fresh():
                self.switches -= 1
                carrier = self.carriers.pop() if self.carriers else Carrier(self)
                # Nothing here may hold the green thread while it runs, or its handle lives
                # on when everybody else has dropped it.
                carrier.thread = fresh
                fresh = None
                carrier.switch()

    def enter(self, g: greenlet) -> None:
        """Run *g* now, until it parks; only where ``direct`` says that a callback may."""
        own = self.greenlet = getcurrent()
        self.round.appendleft(own)
        self.switches += 1
        set_running_loop(None)
        try:
            g.switch()
        finally:
            set_running_loop(self.loop)
            if self.round:
                self._end_early(own)

    # -- a hub that runs its own loop ------------------------------------------------------

    def _note_hooks(self) -> None:
        self.hooks = tuple(sys.get_asyncgen_hooks())  # the loop sets them when it begins to run

    def _run_loop(self) -> None:
        loop = self.loop
        root = self.root
        assert root is not None
        while not self.closed:
            try:
                loop.run_forever()
                if self.on_stop is not None and not self.closed:
                    self.on_stop()
            except BaseException as exc:
                # KeyboardInterrupt, SystemExit, or what a signal handler raised while everything
                # was parked: all of them are the main program's.
                root.interrupt(exc)

    def stop_loop(self) -> None:
        """Let an owned loop return from ``run_forever``; called in the root greenlet."""
        self.closed = True
        if self.greenlet:  # started and not finished
            self.greenlet.parent = getcurrent()
            self.loop.call_soon(self.loop.stop)
            self.round.clear()  # it held the loop's greenlet
            self.greenlet.switch()
