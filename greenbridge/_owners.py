"""Who waits, and one wait: the two ends of every park and wake.

An *owner* is what can wait: a green thread, a green task, or the program's root. Its
``interrupt`` is how a kill, a Timeout and a Ctrl-C reach it. A :class:`Waiter` is one
wait of an owner that parks on the hub; ``_portal`` has the other kind, for owners that
a Task steps.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from . import _threadstate as _state
from ._originals import get_ident
from ._threadstate import NESTED, get_running_loop
from ._timers import NEVER

if TYPE_CHECKING:
    import asyncio

    from greenlet import greenlet

    from ._hub import Hub

# What a wait came to.
PENDING: Final = 0
WOKEN: Final = 1
TIMED_OUT: Final = 2
INTERRUPTED: Final = 3

_HAS_UNCANCEL: Final = sys.version_info >= (3, 11)


if TYPE_CHECKING:

    class _Base:  # mypy takes the slots of a mixin for all that its users have
        pending: Any
        resume: Any
else:
    _Base = object


class Owner(_Base):
    """What waits: a green thread, the program's root greenlet, or a green task.

    A mixin without slots of its own: the slots named here belong to the classes that use it.
    """

    __slots__ = ()
    # The Hub. Any: the scheduler's insides are no part of the public types, which GreenThread is.
    hub: Any
    waiter: Any  # the wait that it is parked on, or None
    pending: Any  # the exception to be raised at its next wait, or None
    timer_at: float
    task: asyncio.Task[Any] | None
    stepper: greenlet | None  # who steps it, if a Task does; None: it parks on the hub
    # These two are set only while they mean something.
    _backlog: list[BaseException]  # what comes after pending
    _cancels: int  # Task.cancelling() before we cancelled the Task on behalf of pending

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = self.hub.loop
        return loop

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
        if self.pending is not None:
            self._backlog = [*getattr(self, "_backlog", ()), exc]
            return
        self.pending = exc
        if waiter is None and self.task is not None:
            # It awaits something of asyncio's. The Task's CancelledError is exchanged for exc
            # where it comes in.
            self._cancels = self._count_cancels()
            self.task.cancel()

    def note_task(self) -> None:
        """Remember the Task; a green thread knows its own."""

    def take(self) -> BaseException:
        """What is pending, to be raised now; what came after it is pending then."""
        exc: BaseException = self.pending
        backlog = getattr(self, "_backlog", None)
        self.pending = backlog.pop(0) if backlog else None
        self._uncancel()
        return exc

    def exchange(self, cancelled: BaseException) -> BaseException:
        """What to raise for a cancellation of the Task: what it stands for, if it is our doing."""
        if self.pending is None or not hasattr(self, "_cancels") or self._uncancel():
            return cancelled
        return self.take()

    def take_back(self, exc: BaseException) -> None:
        """Do not raise *exc* any more, if that is still to come."""
        if self.pending is exc:
            self.take()
        elif self.pending is not None and hasattr(self, "_backlog"):
            self._backlog = [other for other in self._backlog if other is not exc]

    def _count_cancels(self) -> int:
        task: Any = self.task
        count: int = task.cancelling() if _HAS_UNCANCEL else 0
        return count

    def _uncancel(self) -> bool:
        """Undo our cancellation of the Task; True if somebody else has cancelled it as well."""
        task: Any = self.task
        if not hasattr(self, "_cancels"):
            return False
        before = self._cancels
        del self._cancels
        return _HAS_UNCANCEL and bool(task.uncancel() > before)


class ThreadLike(Owner):
    """An owner with a greenlet of its own: it parks on the hub until its first await."""

    __slots__ = ()
    greenlet: Any  # the greenlet that it runs in
    resume: Any  # which greenlet waits: its own, or one that its code made
    task_error: BaseException | None

    def yield_to_task(self, yielded: Any) -> Any:
        """Hand *yielded* to the Task that steps this owner; returns when it is stepped again.

        Raises what the Task throws in: CancelledError, or what that stands for (``exchange``).
        """
        hub = self.hub
        if hub.forbidden is not None:
            hub.check_switch()
        if self.pending is not None:
            raise self.take()
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
        "_backlog",
        "_cancels",
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
        if hub.more:  # in a round, whose end looks at what is ready
            hub.more -= 1
            hub.budget += 1
        elif not hub.scheduled:
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
            raise owner.take()
        hub = owner.hub
        if self.deadline < owner.timer_at:
            hub.timers.add(owner, self.deadline)
        owner.waiter = self
        try:
            hub.way_out()()
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
                "a greenlet of greenbridge was switched to by hand while it waited. Wake it "
                "through what it waits for, or end it with kill()"
            )
        error = self.error
        try:
            raise error
        finally:
            del self.error, error  # a traceback that holds the waiter that holds it
