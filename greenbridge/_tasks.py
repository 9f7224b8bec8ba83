"""Green tasks: an asyncio Task whose coroutine is stepped in a greenlet, so sync code can wait.

Theory of operation
-------------------
A *green task* is an ordinary Task whose coroutine is a :class:`GreenCoro`. Each step of
it runs the user's coroutine in a :class:`Worker`. When the coroutine awaits in the
ordinary way, the step ends as usual. When sync code inside the step has to wait, it
switches a future to the greenlet that steps (the *stepper*), which hands it to the Task
as the result of the step: to asyncio it is an ``await`` like any other. So the step is
never left open, and ``current_task``, ``cancel``, ``asyncio.timeout``, TaskGroup,
anyio's scopes, context variables, eager tasks and debug mode work as they are. The Task
wakes up, steps the GreenCoro again, and that resumes the worker where it waits.

The way not taken: editing a live Task to replace its coroutine. A task factory wraps it
when it is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import ref

from greenlet import error as greenlet_error
from greenlet import getcurrent, greenlet

from ._carriers import Carrier
from ._delivery import Owner, as_exception
from ._described import Described
from ._errors import LoopMismatchError
from ._frames import calls_for_graph, innermost
from ._timers import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

T = TypeVar("T")

_CancelledError: Final = asyncio.CancelledError
_current_task: Final = asyncio.current_task
_INSIDE: Final = object()
# Idle workers kept for the next Task; each holds a stack of a few kB (a guess).
_IDLE_MAX: Final = 256
# Tasks that keep their worker between steps, which is faster; more than these share (a guess).
_STICKY_MAX: Final = 1000


class Worker(greenlet):
    """A greenlet that runs steps of green tasks, for one task at a time."""

    __slots__ = (
        "coro_context",
        "failed",
        "job",
        "out",
        "parked",
        "resume",
        "special",
        "stepper",
        "sticky",
    )

    # Whose steps it runs. Weak: the garbage collector does not look into greenlets, so between
    # steps a worker holds nothing, or a Task that nobody can wake would live for ever.
    job: Callable[[], Any]
    stepper: greenlet  # who asked for the step
    sticky: bool  # it stays with its task between steps
    resume: greenlet  # who waits inside the step: the worker, or a greenlet made in it
    out: Any  # what the step came to: what it yields, or the exception that ended it

    def __init__(self) -> None:
        greenlet.__init__(self)
        self.parked = False  # sync code inside the step waits
        self.failed = False  # the step ended with an exception: StopIteration or an error
        self.special = False  # the stepper has to look at more than what was yielded
        self.coro_context: Any = None
        # Begin without an argument: greenlet keeps those of the first switch for ever.
        self.stepper = getcurrent()
        self.switch()

    def run(self) -> None:
        send: Any = self.stepper.switch()
        while True:
            try:
                self.out = send(None)
            except BaseException as exc:  # carried over the switch, raised again in the stepper
                self.out = exc
                self.failed = self.special = True
            send = None
            send = self.stepper.switch()


class Pool:
    """The workers of one loop."""

    __slots__ = ("__weakref__", "idle", "installed", "loop", "plain", "sticky")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.installed = False  # Tasks that are made become green
        self.plain: frozenset[str] = frozenset()  # modules whose coroutines do not
        self.idle: list[Worker] = []
        self.sticky = 0  # how many workers stay with their task between steps

    def end(self) -> None:
        """End the idle workers: a greenlet that is suspended keeps itself alive by its frame."""
        for worker in self.idle:
            try:
                worker.parent = getcurrent()
                worker.throw()
            except (ValueError, greenlet_error):
                continue  # another OS thread's, out of reach
        self.idle.clear()


class ForkedWorker(Worker):
    """What the worker of a green task that forks becomes in the child; as ``Forked``."""

    __slots__ = ()


def runner_of(own: Any) -> Any:
    """What the greenlet *own* runs: a green thread, a green task, or what it is itself."""
    if isinstance(own, Carrier):
        return own.thread
    return own.job() if isinstance(own, Worker) else own


def of_caller(table: dict[Any, T]) -> T | None:
    """What *table* has for the code that runs now, or for whoever made its greenlet, or None."""
    at: Any = getcurrent()
    while at is not None:
        if (runs := runner_of(at)) in table:
            return table[runs]
        at = at.parent
    return table.get(None)


def can_park(own: Any, loop: asyncio.AbstractEventLoop) -> bool:
    """Whether code in the greenlet *own* can wait on behalf of the Task of *loop* that runs."""
    if type(own) is Worker:
        task = own.job().task
    elif type(own) is Carrier:
        task = own.thread.task
    else:
        return False
    return task is _current_task(loop)


class GreenCoro(Described, Owner, Coroutine[Any, Any, Any]):
    """Wraps the coroutine of a Task: every step of it runs in a worker, so sync code can wait."""

    __slots__ = (
        "__weakref__",
        "_context",
        "_go",
        "_pool",
        "_send",
        "_sent",
        "_worker",
        "hub",
        "pending",
        "task",
        "timer_at",
        "waiter",
    )

    def __init__(self, pool: Pool, coro: Any) -> None:
        Described.__init__(self, coro)
        self._pool = pool
        self._send: Any = getattr(coro, "send", None)
        self._worker: Worker | None = None
        self._context: Any = None
        self.waiter = None
        self.pending = None
        self.task: asyncio.Task[Any] | None = None
        self.timer_at = NEVER

    # -- what a Task calls -----------------------------------------------------------------

    def __iter__(self) -> GreenCoro:
        return self

    def __next__(self) -> Any:
        worker = self._worker
        if worker is None:
            if self._is_inside():
                return self._send(None)
            worker = self._take_worker()
        worker.stepper = getcurrent()
        try:
            self._go(self._send)
        except greenlet_error:
            worker = self._elsewhere(worker, self._send)
        if worker.special:
            return self._after_step(worker)
        out = worker.out
        worker.out = None
        return out

    def send(self, value: Any) -> Any:
        if value is None:
            return self.__next__()
        return self._advance(lambda _: self._coro.send(value), lambda resume: resume.switch(value))

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        exc: Any = as_exception(typ, val, tb)
        if self.pending is not None and isinstance(exc, _CancelledError):
            exc = self.thrown(exc)
        try:
            return self._advance(
                lambda _: self._coro.throw(exc),
                lambda resume: resume.throw(type(exc), exc, exc.__traceback__),  # else that is lost
            )
        finally:
            typ = val = tb = exc = None  # else its traceback holds a frame that holds it

    def close(self) -> None:
        worker = self._worker
        if worker is None or not worker.parked:
            if worker is not None:
                self._give_back(worker)
            self._coro.close()
            return
        # Sync code is parked in it: unwind it as a coroutine is unwound.
        try:
            self.throw(GeneratorExit())
        except (GeneratorExit, StopIteration):
            return
        raise RuntimeError(f"{self!r} ignored GeneratorExit")

    def _advance(self, once: Any, again: Any) -> Any:
        """One step that is not a plain ``send(None)``: *once* starts it, *again* if it is parked.

        Neither holds an exception when this has ended: it would hold this frame.
        """
        worker = self._worker
        if worker is None:
            if self._is_inside():
                return once(None)
            worker = self._take_worker()
        worker.stepper = getcurrent()
        if worker.parked:
            again(worker.resume)
        else:
            try:
                worker.switch(once)
            except greenlet_error:
                worker = self._elsewhere(worker, once)
        return self._after_step(worker)

    def _is_inside(self) -> bool:
        """Whether it is awaited in green code, which can park anyway: then it needs no worker."""
        if self._context is None and can_park(getcurrent(), self._pool.loop):
            self._context = _INSIDE
        return self._context is _INSIDE

    def _take_worker(self) -> Worker:
        pool = self._pool
        self._worker = worker = pool.idle.pop() if pool.idle else Worker()
        worker.job = ref(self)
        self._go = worker.switch
        if self._context is None:  # the first step
            self._context = getcurrent().gr_context
            self.task = _current_task(pool.loop)
        if worker.coro_context is not self._context:
            worker.gr_context = worker.coro_context = self._context
        worker.sticky = sticky = pool.sticky < _STICKY_MAX
        worker.special = not sticky
        pool.sticky += sticky
        return worker

    def _give_back(self, worker: Worker) -> None:
        pool = self._pool
        self._worker = None
        pool.sticky -= worker.sticky
        if len(pool.idle) < _IDLE_MAX:
            worker.gr_context = worker.coro_context = None  # an idle worker keeps nothing alive
            pool.idle.append(worker)

    def _elsewhere(self, worker: Worker, once: Any) -> Worker:
        # The loop runs in another OS thread than before: greenlets cannot follow it there.
        if worker.parked:
            raise LoopMismatchError(
                f"{self!r} waits in sync code that was begun in another OS thread. Run a loop with "
                "green tasks in one OS thread only"
            )
        self._pool.idle.clear()
        self._pool.sticky -= worker.sticky
        worker = self._take_worker()
        worker.gr_context = self._context
        worker.stepper = getcurrent()
        worker.switch(once)
        return worker

    def _after_step(self, worker: Worker) -> Any:
        out = worker.out  # which no other frame of a step holds
        worker.out = None
        if worker.failed:
            worker.failed = False
            self._give_back(worker)
            self.task = None  # which holds this
            if self.timer_at != NEVER:
                self.hub.timers.discard(self)
            try:
                raise out
            finally:
                del out  # a traceback that holds a frame that holds the traceback
        if not worker.parked:
            if self.pending is not None:
                self._cancel_for_pending()  # the Task cancels what it is about to wait for
            if worker.sticky:
                worker.special = False
            else:
                self._give_back(worker)
        return out

    # -- what waits in it ------------------------------------------------------------------

    def _awaited(self) -> bool:
        return True

    def _runs(self) -> bool:
        return _current_task(self._pool.loop) is self.task

    def remind(self) -> None:
        if self._worker is not None:
            self._worker.special = True

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._pool.loop

    @property
    def context(self) -> Any:
        """The contextvars.Context that it runs in; None if it has not begun."""
        return self._context

    @property
    def parked(self) -> bool:
        """Whether sync code waits in it."""
        return self._worker is not None and self._worker.parked

    @property
    def stepper(self) -> greenlet | None:  # type: ignore[override]
        return None if self._worker is None else self._worker.stepper

    def yield_to_task(self, yielded: Any) -> Any:
        """See ``ThreadLike.yield_to_task``."""
        worker = self._worker
        assert worker is not None
        hub = self.hub
        if hub.forbidden is not None:
            hub.check_switch()
        if self.pending is not None:
            self.deliver()
        hub.switches += 1
        worker.resume = getcurrent()
        worker.parked = True
        worker.out = yielded
        self._go = worker.resume.switch
        try:
            worker.stepper.switch()
        finally:
            self._go = worker.switch
            worker.parked = False
            del worker.resume

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # an iterator with send and throw

    @property
    def cr_frame(self) -> Any:
        """Where it waits: the innermost frame of the user's, sync code included."""
        waits = self._waits()
        calls = calls_for_graph(waits)
        frame = innermost(waits) if calls is None else calls.cr_frame
        return self._coro.cr_frame if frame is None else frame

    @property
    def cr_await(self) -> Any:
        """What the coroutine awaits; for a call graph, what it has called, too."""
        calls = calls_for_graph(self._waits())
        return self._coro.cr_await if calls is None else calls.cr_await

    def _waits(self) -> FrameType | None:
        """The frame in which sync code waits in it, if some does."""
        worker = self._worker
        return worker.resume.gr_frame if worker is not None and worker.parked else None

    @property
    def cr_code(self) -> Any:
        """The code of ``cr_frame``: reprs take the file from here and the line from there."""
        return self.cr_frame.f_code if self.parked else self._coro.cr_code

    def __repr__(self) -> str:
        return f"<green {self._coro!r}>"
