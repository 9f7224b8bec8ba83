"""Who waits, and one wait: the two ends of every park and wake.

An *owner* is what can wait: a green thread, a green task, or the program's root.
``_delivery`` has what all of them have in common, how they are interrupted. A
:class:`Waiter` is one wait of an owner that parks on the hub; ``_portal`` has the other
kind, for owners that a Task steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from . import _threadstate as _state
from ._delivery import INTERRUPTED, PENDING, TIMED_OUT, WOKEN, Owner, has_coroutine
from ._originals import get_ident
from ._threadstate import NESTED, get_running_loop
from ._timers import NEVER

if TYPE_CHECKING:
    from greenlet import greenlet

    from ._hub import Hub


class ThreadLike(Owner):
    """An owner with a greenlet of its own: it parks on the hub until its first await."""

    __slots__ = ()
    greenlet: Any  # the greenlet that it runs in
    resume: Any  # which greenlet waits: its own, or one that its code made
    task_error: BaseException | None

    def _awaited(self) -> bool:
        parked = self.resume
        return has_coroutine(parked.gr_frame, parked)

    def _runs(self) -> bool:
        return getcurrent() is self.greenlet

    def yield_to_task(self, yielded: Any) -> Any:
        """Hand *yielded* to the Task that steps this owner; returns when it is stepped again.

        Raises what the Task throws in: a CancelledError, which may stand for an interrupt
        (``settled``).
        """
        hub = self.hub
        if hub.forbidden is not None:
            hub.check_switch()
        if self.pending is not None:
            self.deliver()
        hub.switches += 1
        self.resume = getcurrent()
        stepper = self.stepper
        assert stepper is not None
        task = self.task
        if not NESTED or task is None or not _state.is_left(hub.loop, task):
            return stepper.switch(yielded)
        if get_running_loop() is None:  # its own loop has ended meanwhile
            _state.unnest(hub.loop, task)
            return stepper.switch(yielded)
        state = _state.suspend(hub.hooks, hub.loop, task)
        try:
            return stepper.switch(yielded)
        finally:
            _state.resume(state, hub.loop, task)


class Root(ThreadLike):
    """The greenlet that was there before the hub: the program itself, in a self-started hub."""

    __slots__ = (
        "_sent",
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


if TYPE_CHECKING:

    class _Base:  # mypy takes the slots of a mixin for all that its users have
        state: int
        cause: BaseException  # what interrupted it; set only then
else:
    _Base = object


class Wait(_Base):
    """One wait of an owner that parks on the hub. Exactly one of ready, timeout, kill wins.

    A mixin: the slots belong to the classes that use it.
    """

    __slots__ = ()
    owner: Any
    greenlet: Any  # who waits; not always the owner's: its code may have made greenlets
    deadline: float

    def finish(self, state: int, error: BaseException | None = None) -> bool:
        """End the wait; False if it had ended already. Only in the hub's OS thread."""
        if self.state:
            return False
        self.state = state
        if error is not None:
            self.cause = error
        hub = self.owner.hub
        if hub.more:  # in a round: it may run in it, before the hub
            hub.more -= 1
            hub.switches += 1
            hub.round.insert(-1, self.greenlet)
        else:
            hub.ready.append(self.greenlet)
            if not hub.scheduled:
                hub.schedule_drain()
        return True

    def over(self) -> bool:
        """What the wait came to, if it was not woken: False, or raises what interrupted it."""
        if self.state == TIMED_OUT:
            return False
        if not self.state:
            self.state = INTERRUPTED
            raise RuntimeError(
                "a greenlet of greenbridge was switched to by hand while it waited. Wake it "
                "through what it waits for, or end it with kill()"
            )
        error = self.cause
        try:
            raise error
        finally:
            del self.cause, error  # a traceback that holds the waiter that holds it


class Waiter(Wait):
    """A wait that others may hold on to, also when it is over."""

    __slots__ = ("cause", "deadline", "gift", "greenlet", "owner", "state")

    gift: Any  # what it was given, if that is more than a wake

    def __init__(self, owner: Any, own: greenlet, deadline: float = NEVER) -> None:
        self.owner = owner
        self.greenlet = own
        self.deadline = deadline
        self.state = PENDING

    def wake(self) -> bool:
        """End the wait because what it waits for has come; from any OS thread.

        From another OS thread the answer is always True: it is settled when the hub gets to it.
        """
        hub = self.owner.hub
        if get_ident() == hub.ident:
            return self.finish(WOKEN)
        hub.call_threadsafe(self._wake_now)
        return True

    def _wake_now(self) -> None:
        """What the loop calls for a :meth:`wake` from another OS thread.

        It is one of the loop's own callbacks, so the greenlet may run at once, unless others are
        ahead of it: a round of its own would be one more pass of the loop.
        """
        hub = self.owner.hub
        if hub.scheduled:
            self.finish(WOKEN)
        elif not self.state:
            self.state = WOKEN
            hub.enter(self.greenlet)

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
        except BaseException:
            if not self.state:  # it never began (no_switch): nobody may end it later
                self.state = INTERRUPTED
            raise
        finally:
            owner.waiter = None
        if self.state == WOKEN:
            return True
        return self.over()
