"""The hub: one per OS thread. It runs the ready queue on the thread's event loop.

Theory of operation
-------------------
The event loop runs in one greenlet, the *hub greenlet*. Every other greenlet
that waits leaves the CPU by a switch, and there are three ways back:

* It is put into ``Hub.ready`` and the *drain* callback, which the loop runs once
  per iteration, switches into it.
* A greenlet that parks switches straight into the next ready one (*direct
  handover*), so a round of ``sleep(0)`` among a hundred green threads passes
  through the hub once, not a hundred times. ``Hub.budget`` counts how many may
  still run in this round: those that were ready when it began. Then the loop
  gets the CPU, so it is never starved.
* A callback that knows whom to wake (a descriptor is readable) *enters* the
  greenlet directly, without the queue.

The hub greenlet is the one that runs the application's own loop, found anew at
every callback (``asyncio.run`` may be called again from elsewhere); or, when no
loop runs in the thread (a plain script, ``greenbridge.run``), a greenlet that the
hub starts and that calls ``run_forever``. In the second case the program's own
greenlet (the *root*) parks like a green thread.

Inside green threads the loop is hidden; see ``_threadstate``. Waits made on behalf
of an asyncio Task never come here: they yield a future to the Task (``_portal``).
The way not taken: parking inside a Task's step. asyncio would believe that the
Task still runs, ``Task.cancel()`` could not reach it, and the next Task could not
be entered.
"""

from __future__ import annotations

import contextvars
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent, greenlet

from . import _threadstate as _state
from ._errors import SwitchForbiddenError
from ._loops import new_raw_loop
from ._originals import get_ident, thread_local
from ._threadstate import NESTED, get_running_loop, set_running_loop
from ._timers import NEVER, Timers

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ._fds import Fd

# What a wait came to.
PENDING: Final = 0
WOKEN: Final = 1
TIMED_OUT: Final = 2
INTERRUPTED: Final = 3

_HAS_UNCANCEL: Final = sys.version_info >= (3, 11)


class _Local(thread_local):  # type: ignore[misc, valid-type]  # bound at run time
    hub: Hub | None = None
    guard: object = None  # ends the hub with its OS thread


_local: Final = _Local()
#: Called with a hub that has started itself (the teardown arranges its end).
on_self_start: Final[list[Callable[[Hub], None]]] = []
#: Every hub that has not ended, in any thread (a descriptor may be closed by another thread).
HUBS: Final[list[Hub]] = []


class Owner:
    """What waits: a green thread, the program's root greenlet, or a green task.

    A mixin without slots of its own: the slots named here belong to the classes that use it.
    """

    __slots__ = ()
    hub: Hub
    waiter: Any  # the wait that it is parked on, or None
    pending: BaseException | None  # to be raised at its next wait
    timer_at: float
    task: asyncio.Task[Any] | None
    stepper: greenlet | None  # who steps it, if a Task does; None: it parks on the hub

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.hub.loop

    def due(self, now: float) -> float:
        """Called by the hub's timer; see ``_timers``."""
        waiter = self.waiter
        if waiter is None:
            return NEVER
        if waiter.deadline > now:
            return waiter.deadline  # type: ignore[no-any-return]
        waiter.finish(TIMED_OUT)
        return NEVER

    def interrupt(self, exc: BaseException) -> None:
        """Raise *exc* in whatever it waits for; if it was woken already, at its next wait."""
        waiter = self.waiter
        if waiter is not None and waiter.finish(INTERRUPTED, exc):
            return
        self.pending = exc
        if self.stepper is not None and self.task is not None:
            # It awaits something of asyncio's. The Task's CancelledError is exchanged for exc
            # where it comes in (take_pending).
            self.task.cancel()

    def note_task(self) -> None:
        """Remember the Task; a green thread knows its own."""

    def take_pending(self) -> BaseException:
        """The exception that the Task's cancellation stands for; that cancellation is undone."""
        exc, self.pending = self.pending, None
        assert exc is not None
        if _HAS_UNCANCEL and self.task is not None:
            self.task.uncancel()
        return exc

    def take_back(self, exc: BaseException) -> None:
        """Do not raise *exc* any more, if that is still to come."""
        if self.pending is exc:
            self.pending = None


class ThreadLike(Owner):
    """An owner with a greenlet of its own: it parks on the hub until its first await."""

    __slots__ = ()
    greenlet: greenlet
    resume: greenlet  # which greenlet waits: its own, or one that its code made
    task_error: BaseException | None

    def yield_to_task(self, yielded: Any) -> Any:
        """Hand *yielded* to the Task that steps this owner; returns when it is stepped again.

        Raises what the Task throws in: CancelledError, or what that stands for (``pending``).
        """
        hub = self.hub
        if hub.forbidden is not None:
            hub.check_switch()
        if self.pending is not None:
            exc, self.pending = self.pending, None
            raise exc
        hub.switches += 1
        current = self.resume = getcurrent()
        stepper = self.stepper
        assert stepper is not None
        if NESTED and current in NESTED:
            task = self.task
            assert task is not None
            if get_running_loop() is None:  # its own loop has ended meanwhile
                _state.unnest(hub.loop, task)
                return stepper.switch(yielded)
            state = _state.suspend(hub.hooks, hub.loop, task)
            try:
                return stepper.switch(yielded)
            finally:
                _state.resume(state, hub.loop, task)
        return stepper.switch(yielded)


class Root(ThreadLike):
    """The greenlet that was there before the hub: the program itself, in a self-started hub."""

    __slots__ = (
        "greenlet",
        "hub",
        "name",
        "pending",
        "resume",
        "stepper",
        "task",
        "task_error",
        "timer_at",
        "waiter",
    )

    def __init__(self, hub: Hub, own: greenlet) -> None:
        self.hub = hub
        self.greenlet = own
        self.resume = own
        self.waiter = None
        self.pending = None
        self.timer_at = NEVER
        self.stepper = None
        self.task = None
        self.task_error = None
        self.name = "greenbridge-root"


class Waiter:
    """One wait of an owner that parks on the hub. Exactly one of ready, timeout, kill wins."""

    __slots__ = ("deadline", "error", "greenlet", "owner", "state")

    error: BaseException  # what interrupted it; set only then

    def __init__(self, owner: Any, own: greenlet, deadline: float = NEVER) -> None:
        self.owner = owner
        self.greenlet = own  # not always the owner's: its code may have made greenlets
        self.deadline = deadline
        self.state = PENDING

    def finish(self, state: int, error: BaseException | None = None) -> bool:
        """End the wait; False if it had ended already. Only in the hub's OS thread."""
        if self.state:
            return False
        self.state = state
        if error is not None:
            self.error = error
        hub = self.owner.hub
        hub.ready.append(self.greenlet)
        if not hub.scheduled:
            hub.schedule_drain()
        return True

    def wake(self) -> bool:
        """End the wait because what it waits for has come; from any OS thread.

        From another OS thread the answer is always True: it is settled when the hub gets to it.
        """
        hub = self.owner.hub
        if get_ident() == hub.ident:
            return self.finish(WOKEN)
        hub.call_threadsafe(self.finish, WOKEN)
        return True

    def park(self) -> bool:
        """Leave the CPU until the wait ends: True if woken, False at the deadline.

        Raises what interrupted the wait (GreenExit, Timeout, KeyboardInterrupt ...). If the
        owner was woken first and killed afterwards, this returns True, and the kill is raised
        at its next wait: what it was given is not lost.
        """
        owner = self.owner
        if owner.pending is not None and not self.state:
            self.state = INTERRUPTED
            error, owner.pending = owner.pending, None
            raise error
        hub = owner.hub
        if self.deadline < owner.timer_at:
            hub.timers.add(owner, self.deadline)
        owner.waiter = self
        try:
            hub.park()
        finally:
            owner.waiter = None
        if self.state == WOKEN:
            return True
        return self.over()

    def over(self) -> bool:
        """What :meth:`park` says of a wait that was not woken: False, or what interrupted it."""
        if self.state == TIMED_OUT:
            return False
        if not self.state:
            self.state = INTERRUPTED
            raise RuntimeError(
                "a greenlet of greenbridge was switched to by hand while it waited. Wake it through "
                "what it waits for, or end it with kill()"
            )
        error = self.error
        try:
            raise error
        finally:
            del self.error, error  # a traceback that holds the waiter that holds it


class Hub:
    """The scheduler of one OS thread; not public. Get it with :func:`get_hub`."""

    __slots__ = (
        "__weakref__",
        "_call_soon",
        "_drain_bound",
        "budget",
        "closed",
        "context",
        "fds",
        "forbidden",
        "greenlet",
        "hooks",
        "ident",
        "keeper",
        "loop",
        "on_empty",
        "owned",
        "pid",
        "ready",
        "root",
        "scheduled",
        "stalls",
        "switches",
        "threads",
        "timers",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, own: greenlet | None) -> None:
        """*own* is the greenlet that runs *loop* now; None: the hub runs it in one of its own."""
        self.loop = loop
        self.ident = get_ident()
        self.ready: deque[greenlet] = deque()
        self.scheduled = False
        self.budget = 0
        self.timers = Timers(loop)
        self.fds: dict[int, Fd] = {}
        self.threads: set[Any] = set()  # green threads that have not finished
        self.forbidden: str | None = None  # why nothing may park now (no_switch)
        self.switches = 0
        self.stalls = 0
        self.closed = False
        self.pid = os.getpid()
        self.keeper: Any = None
        self.on_empty: list[Callable[[], object]] = []  # called when the last thread ends
        # Callbacks of the hub run in a context of their own, not in a copy of whatever was
        # current when they were scheduled: greenlets bring their own contexts.
        self.context = contextvars.Context()
        self._call_soon = loop.call_soon
        self._drain_bound = self._drain
        self.hooks: Any = sys.get_asyncgen_hooks()
        self.owned = own is None
        self.root: Root | None = None
        if own is None:
            self.root = Root(self, getcurrent())
            self.greenlet = greenlet(self._run_loop)
        else:
            self.greenlet = own
        HUBS.append(self)

    # -- scheduling ------------------------------------------------------------------------

    def schedule(self, g: greenlet) -> None:
        """Make *g* run in the next round. Only in the hub's OS thread."""
        self.ready.append(g)
        if not self.scheduled:
            self.schedule_drain()

    def schedule_drain(self) -> None:
        self._call_soon(self._drain_bound, context=self.context)
        self.scheduled = True

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
        if self.forbidden is not None:
            raise SwitchForbiddenError(self.forbidden)

    def park(self) -> None:
        """Leave the CPU; returns when somebody switches back into this greenlet."""
        if self.forbidden is not None:
            self.check_switch()
        self.switches += 1
        if NESTED and getcurrent() in NESTED:
            self._park_nested()
        elif self.budget and self.ready[0]:  # see switch_out
            self.budget -= 1
            self.ready.popleft().switch()
        else:
            self.greenlet.switch()

    def _park_nested(self) -> None:
        if get_running_loop() is None:  # its own loop has ended meanwhile
            NESTED.discard(getcurrent())
            self.switch_out()
            return
        state = _state.suspend(self.hooks)
        try:
            self.switch_out()
        finally:
            _state.resume(state)

    def switch_out(self) -> None:
        """What :meth:`park` does for a greenlet that runs no loop, without the checks.

        One that has not begun is false, and is left to the hub: a greenlet begins at the stack
        depth of whoever starts it, so a chain of a thousand, each begun by the one before, would
        end in RecursionError and ten thousand at the end of the C stack.
        """
        if self.budget and self.ready[0]:
            self.budget -= 1
            self.ready.popleft().switch()
        else:
            self.greenlet.switch()

    def _drain(self) -> None:
        """One round: run what is ready now. What becomes ready meanwhile is the next round's."""
        self.scheduled = False
        self.greenlet = getcurrent()
        ready = self.ready
        self.budget = len(ready)
        set_running_loop(None)
        try:
            # A green thread that finishes comes back here with budget left.
            while self.budget > 0:
                self.budget -= 1
                ready.popleft().switch()
        finally:
            self.budget = 0
            set_running_loop(self.loop)
            if ready and not self.scheduled:
                self.schedule_drain()

    def enter(self, g: greenlet) -> None:
        """Run *g* now, until it parks or ends; only from a callback of the loop."""
        self.greenlet = getcurrent()
        set_running_loop(None)
        try:
            g.switch()
        finally:
            set_running_loop(self.loop)

    # -- a hub that runs its own loop ------------------------------------------------------

    def _run_loop(self) -> None:
        loop = self.loop
        root = self.root
        assert root is not None
        while not self.closed:
            try:
                loop.run_forever()
            except BaseException as exc:
                # KeyboardInterrupt, SystemExit, or what a signal handler raised while everything
                # was parked: all of them are the main program's.
                self.budget = 0
                root.interrupt(exc)

    def stop_loop(self) -> None:
        """Let an owned loop return from ``run_forever``; called in the root greenlet."""
        self.closed = True
        if self.greenlet:  # started and not finished
            self.greenlet.parent = getcurrent()
            self.loop.call_soon(self.loop.stop)
            self.greenlet.switch()


def current_hub() -> Hub | None:
    """The hub of this OS thread, if it has one."""
    return _local.hub


def get_hub() -> Hub:
    """The hub of this OS thread: attached to the running loop, or self-started if there is none."""
    hub = _local.hub
    running = get_running_loop()
    if hub is not None and not hub.closed:
        if hub.loop is running or hub.owned:
            return hub
        if getcurrent() is not hub.greenlet and hub.loop.is_running():
            return hub  # inside a green thread, which may run a loop of its own
    if running is not None:
        return attach(running, getcurrent())
    return start_hub(new_raw_loop())


def start_hub(loop: asyncio.AbstractEventLoop) -> Hub:
    """A hub that runs *loop* itself, for the program that runs now (its root)."""
    hub = Hub(loop, None)
    _local.hub = hub
    for arrange in on_self_start:
        arrange(hub)
    return hub


def attach(loop: asyncio.AbstractEventLoop, own: greenlet) -> Hub:
    """The hub of a loop that the application owns and that runs in the greenlet *own*."""
    while (stepper := getattr(own, "stepper", None)) is not None:
        own = stepper  # called in the step of a green task: the loop runs in its stepper
    for hub in HUBS:
        if hub.loop is loop and not hub.closed:
            hub.greenlet = own
            break
    else:
        HUBS[:] = [h for h in HUBS if not h.loop.is_closed()]
        hub = Hub(loop, own)
    _local.hub = hub
    return hub
