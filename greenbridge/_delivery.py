"""How an interrupt (a kill, a Timeout, Ctrl-C) gets into the code of a green thread or task.

Theory of operation
-------------------
Code that parks on the hub just has the exception raised where it waits. Under a Task it is
not so simple, because asyncio's code knows one interrupt only, ``CancelledError``: a
TaskGroup or an anyio scope that some other BaseException runs through takes it for the
failure of its body, and wraps it in an ExceptionGroup. So where a coroutine stands between
the wait and whoever is interrupted, the Task is *cancelled* for the interrupt, the
coroutine is left by ``CancelledError``, and at its border that becomes what it stands for:

* sync code that called ``await_`` on the coroutine gets the interrupt itself (``settled``),
* so does the block that interrupts its own body, a Timeout or TaskGroup (``claim``).

That is what ``asyncio.timeout`` does at its end, and as there the cancellations are counted
(``Task.cancelling``): if somebody else has cancelled the Task as well, that cancellation
goes first, and the interrupt comes at the next wait.

An interrupt is pending until it is raised, in the order of arrival, each once. One that came
as a CancelledError is kept with it, until a border is reached; if the coroutine swallowed
it, it is gone, and counted as asyncio counts.
"""

from __future__ import annotations

import asyncio
import sys
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE
from typing import TYPE_CHECKING, Any, Final, NoReturn

from greenlet import getcurrent

from ._frames import STEPS_COROUTINES
from ._timers import NEVER

if TYPE_CHECKING:
    from types import FrameType

    from greenlet import greenlet

# What a wait came to.
PENDING: Final = 0
WOKEN: Final = 1
TIMED_OUT: Final = 2
INTERRUPTED: Final = 3

# How an interrupt is to be raised.
ITSELF_OUTSIDE: Final = 0  # itself, but inside a coroutine that await_ runs as a cancellation
SCOPED: Final = 1  # as the one above, until the block that it belongs to claims it
ITSELF: Final = 2  # itself, everywhere

_HAS_UNCANCEL: Final = sys.version_info >= (3, 11)
_IN_COROUTINE: Final = CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR
_NOT_CANCELLED: Final = -1


class Interrupt:
    """One exception on its way into an owner's code."""

    __slots__ = ("before", "cancelled", "exc", "how", "rest")

    cancelled: BaseException  # the CancelledError that it came as; set only then

    def __init__(self, exc: BaseException, how: int) -> None:
        self.exc = exc
        self.how = how
        self.rest: Interrupt | None = None  # what is pending after it
        # Task.cancelling() before the Task was cancelled for it.
        self.before = _NOT_CANCELLED

    def refuse(self) -> NoReturn:
        """Nothing is to be raised, but nothing can wait either; see ``_amid``."""
        raise NotImplementedError


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
    pending: Any  # the first Interrupt that is still to be raised, or None
    timer_at: float
    task: asyncio.Task[Any] | None  # the Task that steps it, if one does
    stepper: greenlet | None  # who steps it, if a Task does; None: it parks on the hub
    _sent: list[Interrupt]  # those that came as a CancelledError; set only while there are some

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

    # -- what differs between green threads and green tasks --------------------------------

    def _awaited(self) -> bool:
        """Whether a coroutine stands between the wait that it is in and its own sync code."""
        raise NotImplementedError

    def _runs(self) -> bool:
        """Whether it has the CPU."""
        raise NotImplementedError

    def remind(self) -> None:
        """Something is pending while it has the CPU."""

    # -- sending ---------------------------------------------------------------------------

    def interrupt(self, exc: BaseException, how: int = ITSELF_OUTSIDE) -> None:
        """Raise *exc* in whatever it waits for; if it was woken already, at its next wait."""
        waiter = self.waiter
        if waiter is not None and (
            (self.task is None or how == ITSELF or not self._awaited())
            and waiter.finish(INTERRUPTED, exc)
        ):
            return
        note = Interrupt(exc, how)
        last = self.pending
        if last is not None:
            while last.rest is not None:
                last = last.rest
            last.rest = note
            return
        self.pending = note
        if self.task is None:
            return
        if self._runs():
            self.remind()
        elif waiter is None or waiter.open():
            self._cancel_for(note)

    def _cancel_for_pending(self) -> None:
        if self.pending.before == _NOT_CANCELLED:
            self._cancel_for(self.pending)

    def _cancel_for(self, note: Interrupt) -> None:
        task: Any = self.task
        awaits = task._fut_waiter
        if task._must_cancel or (awaits is not None and awaits.cancelled()):
            return  # somebody else has cancelled it just now, and goes first
        note.before = task.cancelling() if _HAS_UNCANCEL else 0
        task.cancel(f"interrupted by {type(note.exc).__name__}")

    def put_back(self, exc: BaseException, how: int) -> None:
        """*exc* could not be raised where it should: it is the first one to be raised next."""
        note = Interrupt(exc, how)
        note.rest = self.pending
        self.pending = note

    # -- raising ---------------------------------------------------------------------------

    def take(self) -> BaseException:
        """What is pending, to be raised now; what came after it is pending then."""
        note: Interrupt = self.pending
        if note.exc is None:
            note.refuse()
        self.pending = note.rest
        if note.before != _NOT_CANCELLED:
            self._uncancel()
        return note.exc

    def deliver(self) -> None:
        """Called by a wait that begins while something is pending: raise it.

        Or cancel the Task for it, and return: the wait ends at once then.
        """
        note: Interrupt = self.pending
        task: Any = self.task
        if note.before != _NOT_CANCELLED:
            if task._must_cancel:
                return
            # Whatever was awaited has swallowed the cancellation.
            note.before = _NOT_CANCELLED
            self._uncancel()
        if task is None or note.how == ITSELF or not _awaits(sys._getframe(1)):
            raise self.take()
        self._cancel_for(note)

    def thrown(self, cancelled: BaseException) -> BaseException:
        """What to raise in its code for a CancelledError of the Task, while something is pending.

        Usually the same; from here on it is known what it stands for.
        """
        note: Interrupt = self.pending
        if note.before == _NOT_CANCELLED:
            self.remind()
            return cancelled
        if note.how == ITSELF:
            if self._uncancel() > note.before:  # by somebody else as well, who goes first
                note.before = _NOT_CANCELLED
            else:
                self.pending = note.rest
                cancelled = note.exc
        else:
            self.pending = note.rest
            note.rest = None
            note.cancelled = cancelled
            self._sent = [*getattr(self, "_sent", ()), note]
        if self.pending is not None:
            self.remind()
        return cancelled

    # -- borders ---------------------------------------------------------------------------

    def settled(self, cancelled: BaseException) -> BaseException:
        """What to raise in sync code for a CancelledError that has left what it awaited."""
        sent: Any = getattr(self, "_sent", None)
        if sent is None or _awaits(sys._getframe(1)):
            return cancelled
        mine = [note for note in sent if _stands_for(cancelled, note)]
        self._keep([note for note in sent if note not in mine and note.how == SCOPED])
        if not mine:
            return cancelled
        count = 0
        for _ in mine:
            count = self._uncancel()
        first = mine[0] if count <= mine[0].before else None
        for note in reversed(mine):
            if note is not first:
                self.put_back(note.exc, note.how)
        return cancelled if first is None else first.exc

    def claim(self, exc: BaseException, value: BaseException | None) -> bool:
        """A block that has interrupted its body with *exc* is left with *value*: is that its doing?

        If *exc* was not raised yet, it never will be.
        """
        if value is exc:
            return True
        sent = getattr(self, "_sent", ())
        for note in sent:
            if note.exc is exc:
                rest = [other for other in sent if other is not note]
                self._keep(rest)
                count = self._uncancel()
                return (
                    not rest
                    and count <= note.before
                    and value is not None
                    and _stands_for(value, note)
                )
        self._forget(exc)
        return False

    def _keep(self, sent: list[Interrupt]) -> None:
        if sent:
            self._sent = sent
        else:
            del self._sent

    def _forget(self, exc: BaseException) -> None:
        note = self.pending
        if note is None:
            return
        if note.exc is exc:
            self.take()
            return
        while note.rest is not None:
            if note.rest.exc is exc:
                note.rest = note.rest.rest
                return
            note = note.rest

    def _uncancel(self) -> int:
        """Undo one cancellation of the Task; how many others there are."""
        if not _HAS_UNCANCEL:
            return 0  # they are not counted before 3.11
        task: Any = self.task
        count: int = task.uncancel()
        return count


def _stands_for(raised: BaseException, note: Interrupt) -> bool:
    """Whether *raised* is the CancelledError that *note* came as, or was raised for it."""
    at: BaseException | None = raised
    seen = set()
    while at is not None and id(at) not in seen:
        if at is note.cancelled:
            return isinstance(raised, asyncio.CancelledError)
        seen.add(id(at))
        at = at.__context__
    return False


def _awaits(frame: FrameType) -> bool:
    """Whether a coroutine is among the callers of *frame*, which runs."""
    return has_coroutine(frame, getcurrent())


def has_coroutine(frame: FrameType | None, own: Any) -> bool:
    """Whether a coroutine is among the callers of *frame*, the innermost one of greenlet *own*."""
    while True:
        while frame is not None:
            code = frame.f_code
            if code.co_flags & _IN_COROUTINE or code in STEPS_COROUTINES:
                return True
            frame = frame.f_back
        if hasattr(own, "thread"):  # a carrier: what is below it is the hub's business
            return False
        if hasattr(own, "job"):  # a worker: a coroutine of asyncio's has called
            return True
        own = own.parent  # it was made by code in one of these
        if own is None:
            return False
        frame = own.gr_frame


def as_exception(typ: Any, val: Any, tb: Any) -> BaseException:
    """The three-argument form of ``throw``, which asyncio still uses before 3.12, as one."""
    if isinstance(typ, type):
        exc = val if isinstance(val, BaseException) else typ() if val is None else typ(val)
    else:
        exc = typ
    return exc if tb is None else exc.with_traceback(tb)
