"""The portal: sync code on behalf of an asyncio Task, and ``await`` from sync code.

Theory of operation
-------------------
A *green task* is an ordinary Task whose coroutine is a :class:`GreenCoro`. Each step
of it runs the user's coroutine in a :class:`Worker`, a greenlet from a pool. When the
coroutine awaits in the ordinary way, the step ends as usual and the worker goes back
to the pool. When sync code inside the step has to wait, it switches a future to the
greenlet that steps (the *stepper*), which hands it to the Task as the result of the
step: to asyncio it is an ``await`` like any other. So the step is never left open, and
``current_task``, ``cancel``, ``asyncio.timeout``, TaskGroup, anyio's scopes, context
variables, eager tasks and debug mode work as they are. The Task wakes up, steps the
GreenCoro again, and that resumes the worker where it waits.

A green thread gets the same when it first awaits (*promotion*): a Task is made for it
whose coroutine is a :class:`Stepper`; from then on the thread is stepped by that Task,
for the rest of its life, so that ``current_task()`` is the same in all its awaits. A
green thread that never awaits never pays for a Task.

The way not taken: editing a live Task to replace its coroutine. A task factory wraps
it when it is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final, TypeVar

from greenlet import error as greenlet_error
from greenlet import getcurrent, greenlet

from . import _threadstate as _state
from ._errors import LoopMismatchError, NoPortalError, NotAwaitableError
from ._hub import INTERRUPTED, PENDING, TIMED_OUT, WOKEN, Hub, Owner, Waiter, _local, get_hub
from ._originals import get_ident
from ._threadstate import NESTED, get_running_loop, set_running_loop
from ._timers import NEVER

T = TypeVar("T")

_CancelledError: Final = asyncio.CancelledError
#: What a promoted owner switches to its stepper when it ends.
FINISHED: Final = object()
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
        "parked",
        "resume",
        "send",
        "special",
        "stepper",
        "sticky",
    )

    job: GreenCoro  # whose steps it runs
    send: Callable[[None], Any]  # how to run one
    stepper: greenlet  # who asked for the step
    resume: greenlet  # who waits inside the step: the worker, or a greenlet made in it

    def __init__(self) -> None:
        greenlet.__init__(self)
        self.resume = self
        self.parked = False  # sync code inside the step waits
        self.failed = False  # the step ended with an exception: StopIteration or an error
        self.special = False  # the stepper has to look at more than what was yielded
        self.coro_context: Any = None

    def run(self, once: Any) -> None:
        while True:
            try:
                out: Any = self.send(None) if once is None else once()
            except BaseException as exc:  # carried over the switch, raised again in the stepper
                out = exc
                self.failed = self.special = True
            once = None
            once = self.stepper.switch(out)
            out = None


class Pool:
    """The workers of one loop."""

    __slots__ = ("idle", "loop", "sticky")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.idle: list[Worker] = []
        self.sticky = 0  # how many workers stay with their task between steps


class GreenCoro(Owner, Coroutine[Any, Any, Any]):
    """Wraps the coroutine of a Task: every step of it runs in a worker, so sync code can wait."""

    __slots__ = (
        "_context",
        "_coro",
        "_pool",
        "_worker",
        "hub",
        "pending",
        "task",
        "timer_at",
        "waiter",
    )

    def __init__(self, pool: Pool, coro: Any) -> None:
        self._pool = pool
        self._coro = coro
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
            worker = self._take_worker()
        worker.stepper = getcurrent()
        try:
            out = worker.resume.switch(None)
        except greenlet_error:
            worker, out = self._elsewhere(worker, None)
        if worker.special:
            return self._after_step(worker, out)
        return out

    def send(self, value: Any) -> Any:
        if value is None:
            return self.__next__()
        return self._advance(partial(self._coro.send, value), value, None)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        exc = _as_exception(typ, val, tb)
        if self.pending is not None and isinstance(exc, _CancelledError):
            exc = self.take_pending()
        return self._advance(partial(self._coro.throw, exc), None, exc)

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

    def _advance(self, once: Any, value: Any, exc: BaseException | None) -> Any:
        """One step that is not a plain ``send(None)``: *once* starts it, unless it is parked."""
        worker = self._worker
        if worker is None:
            worker = self._take_worker()
        worker.stepper = getcurrent()
        if worker.parked:
            resume = worker.resume
            out = resume.switch(value) if exc is None else resume.throw(exc)
        else:
            try:
                out = worker.switch(once)
            except greenlet_error:
                worker, out = self._elsewhere(worker, once)
        return self._after_step(worker, out)

    def _take_worker(self) -> Worker:
        pool = self._pool
        self._worker = worker = pool.idle.pop() if pool.idle else Worker()
        worker.job = self
        worker.send = self._coro.send
        if self._context is None:
            self._context = getcurrent().gr_context
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
            del worker.job, worker.send  # an idle worker keeps nothing alive
            pool.idle.append(worker)

    def _elsewhere(self, worker: Worker, once: Any) -> tuple[Worker, Any]:
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
        return worker, worker.switch(once)

    def _after_step(self, worker: Worker, out: Any) -> Any:
        if worker.failed:
            worker.failed = False
            self._give_back(worker)
            if self.timer_at != NEVER:
                self.hub.timers.discard(self)
            try:
                raise out
            finally:
                del out  # a traceback that holds a frame that holds the traceback
        if not worker.sticky and not worker.parked:
            self._give_back(worker)
        return out

    # -- what waits in it ------------------------------------------------------------------

    def note_task(self) -> None:
        """Remember the Task, for who interrupts it later; called in a step of it."""
        self.task = asyncio.current_task(self._pool.loop)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._pool.loop

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
            exc, self.pending = self.pending, None
            raise exc
        hub.switches += 1
        worker.resume = getcurrent()
        worker.parked = True
        try:
            return worker.stepper.switch(yielded)
        finally:
            worker.parked = False
            worker.resume = worker

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # type: ignore[return-value]  # an iterator with send and throw

    def __getattr__(self, name: str) -> Any:
        # cr_frame, cr_code, cr_await, __qualname__ ...: debuggers, Task.get_stack() and reprs see
        # the user's coroutine, not this wrapper.
        return getattr(self._coro, name)

    def __repr__(self) -> str:
        return f"<green {self._coro!r}>"


class SyncCall(GreenCoro):
    """A coroutine that is one call of a sync function, run in a worker."""

    __slots__ = ("_call", "_done")

    def __init__(self, pool: Pool, call: Callable[[], Any], fn: Any) -> None:
        GreenCoro.__init__(self, pool, fn)
        self._call: Callable[[], Any] | None = call
        self._done = False

    def __next__(self) -> Any:
        return self._advance(self._run, None, None)

    def send(self, value: Any) -> Any:
        return self._advance(self._run, value, None)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        exc = _as_exception(typ, val, tb)
        if self.pending is not None and isinstance(exc, _CancelledError):
            exc = self.take_pending()
        if self._call is not None:  # cancelled before it began
            self._call = None
            raise exc
        return self._advance(None, None, exc)

    def close(self) -> None:
        if self._worker is not None:
            super().close()
        self._call = None

    def _run(self) -> Any:
        call, self._call = self._call, None
        if call is None:
            raise RuntimeError(f"cannot reuse already awaited {self!r}")
        value = call()
        self._done = True
        return value

    def _after_step(self, worker: Worker, out: Any) -> Any:
        if not self._done:
            return super()._after_step(worker, out)
        self._done = False
        self._give_back(worker)
        if self.timer_at != NEVER:
            self.hub.timers.discard(self)
        raise StopIteration(out)

    def _take_worker(self) -> Worker:
        pool = self._pool
        self._worker = worker = pool.idle.pop() if pool.idle else Worker()
        worker.job = self
        worker.send = _never
        context = getcurrent().gr_context
        if worker.coro_context is not context:
            worker.gr_context = worker.coro_context = context
        worker.sticky = worker.special = False
        return worker


def _never(_: None) -> None:
    raise AssertionError("a call has no second step")


class TaskWaiter:
    """One wait of an owner that a Task steps: the Task awaits a future for it."""

    __slots__ = ("deadline", "error", "future", "hub", "owner", "state")

    def __init__(self, hub: Hub, owner: Any, loop: Any, deadline: float = NEVER) -> None:
        self.hub = hub
        self.owner = owner
        self.future = loop.create_future()
        self.deadline = deadline
        self.state = PENDING
        self.error: BaseException | None = None

    def finish(self, state: int, error: BaseException | None = None) -> bool:
        future = self.future
        if self.state or future.done():
            return False
        self.state = state
        self.error = error
        loop = future.get_loop()
        if loop is self.hub.loop:
            future.set_result(None)
        else:  # a loop that runs inside a green thread: it has to be woken from its selector
            loop.call_soon_threadsafe(_set_result, future)
        return True

    def wake(self) -> bool:
        if get_ident() == self.hub.ident:
            return self.finish(WOKEN)
        self.hub.call_threadsafe(self.finish, WOKEN)
        return True

    def park(self) -> bool:
        """As ``Waiter.park``. A Task that is cancelled raises CancelledError here.

        That may come after the wake: asyncio cancels a Task whose future is done already.
        ``state`` is WOKEN then, and who handed something over passes it on.
        """
        owner = self.owner
        hub = self.hub
        if owner.pending is not None and not self.state:
            error, owner.pending = owner.pending, None
            self.state = INTERRUPTED
            raise error
        if self.deadline < owner.timer_at:
            hub.timers.add(owner, self.deadline)
        owner.waiter = self
        try:
            future = self.future
            if not future.done():
                future._asyncio_future_blocking = True
                owner.yield_to_task(future)
        finally:
            owner.waiter = None
            if not self.state:
                self.state = INTERRUPTED
        if self.state == WOKEN:
            return True
        if self.state == TIMED_OUT:
            return False
        assert self.error is not None
        try:
            raise self.error
        finally:
            self.error = None


def _set_result(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _as_exception(typ: Any, val: Any, tb: Any) -> BaseException:
    """The three-argument form of ``throw``, which asyncio still uses before 3.12, as one."""
    if isinstance(typ, type):
        exc = val if isinstance(val, BaseException) else typ() if val is None else typ(val)
    else:
        exc = typ
    return exc if tb is None else exc.with_traceback(tb)  # type: ignore[no-any-return]


class Stepper(Coroutine[Any, Any, Any]):
    """The coroutine of the Task that a green thread gets at its first await."""

    __slots__ = ("__name__", "__qualname__", "owner")

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.__name__ = self.__qualname__ = "green_thread"

    def __iter__(self) -> Stepper:
        return self

    def __next__(self) -> Any:
        return self._step(None)

    def send(self, value: Any) -> Any:
        return self._step(None)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        exc = _as_exception(typ, val, tb)
        owner = self.owner
        if owner is not None and owner.pending is not None and isinstance(exc, _CancelledError):
            exc = owner.take_pending()
        return self._step(exc)

    def close(self) -> None:
        """A green thread is unwound by its hub, not by its Task."""

    def _step(self, exc: BaseException | None) -> Any:
        owner = self.owner
        if owner is None:
            raise StopIteration
        hub = owner.hub
        owner.stepper = hub.greenlet = getcurrent()
        set_running_loop(None)
        try:
            out = owner.resume.switch(None) if exc is None else owner.resume.throw(exc)
        finally:
            set_running_loop(hub.loop)
        if out is FINISHED:
            self.owner = None
            if isinstance(owner.task_error, _CancelledError):
                raise owner.task_error
            raise StopIteration
        return out

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # type: ignore[return-value]

    @property
    def cr_frame(self) -> Any:
        return None if self.owner is None else self.owner.resume.gr_frame

    @property
    def cr_code(self) -> Any:
        frame = self.cr_frame
        return None if frame is None else frame.f_code

    cr_running = False
    cr_await = None


def promote(owner: Any) -> None:
    """Give a green thread (or the root) its Task, and come back stepped by it."""
    hub: Hub = owner.hub
    if owner.pending is not None:
        error, owner.pending = owner.pending, None
        raise error
    if hub.forbidden is not None:
        hub.check_switch()
    stepper = Stepper(owner)
    # The plain Task class, not the loop's factory: this coroutine must not be wrapped again.
    owner.task = asyncio.Task(stepper, loop=hub.loop, name=owner.name)
    owner.resume = current = getcurrent()
    # The first step of the Task brings us back.
    if NESTED and current in NESTED and get_running_loop() is not None:
        state = _state.suspend(hub.hooks)
        try:
            hub.switch_out()
        finally:
            _state.resume(state, hub.loop, owner.task)
    else:
        hub.park()


def finished(owner: Any, error: BaseException | None) -> greenlet:
    """A promoted owner ends: returns the greenlet that must get the CPU, with ``FINISHED``."""
    owner.task_error = error
    if NESTED and getcurrent() in NESTED:
        _state.unnest(owner.hub.loop, owner.task)
    stepper = owner.stepper
    owner.stepper = None
    return stepper  # type: ignore[no-any-return]


def demote(root: Any) -> None:
    """The root gives its Task back and parks on the hub again, so that the hub can end."""
    stepper = finished(root, None)
    root.hub.schedule(root.greenlet)
    stepper.switch(FINISHED)


def current_owner() -> Any:
    """Who waits when the code that runs now waits: an Owner, or None where nothing can park."""
    own: Any = getcurrent()
    while True:
        if isinstance(own, Worker):
            job = own.job
            job.hub = get_hub()
            return job
        if isinstance(own, Owner):
            return own
        hub = _local.hub
        if hub is not None and hub.root is not None and own is hub.root.greenlet:
            return None if hub.closed else hub.root
        if own is None or (hub is not None and own is hub.greenlet):
            return None
        own = own.parent  # a greenlet that code in a green thread made


def make_waiter(owner: Any, deadline: float = NEVER) -> Any:
    """A wait of *owner*, in the form that suits how it is run."""
    if owner.stepper is None:
        return Waiter(owner, getcurrent(), deadline)
    return TaskWaiter(owner.hub, owner, owner.loop, deadline)


def await_(awaitable: Awaitable[T]) -> T:
    """Wait for *awaitable* from an ordinary ``def``, and return its result.

    Works in green threads, green tasks and everything that they call; other green threads and
    tasks run meanwhile. Inside, ``asyncio.current_task()`` is the Task of the caller: a green
    thread gets one at its first ``await_`` and keeps it.

    Args:
        awaitable: a coroutine, a Future or Task of the hub's loop, or any object with
            ``__await__``. A coroutine that is refused is closed first.

    Raises:
        NoPortalError: outside green code.
        NotAwaitableError: if *awaitable* cannot be awaited.
        Exception: whatever *awaitable* raises.

    On cancellation (``Task.cancel``, ``kill``, a Timeout or a cancel scope) what is awaited is
    cancelled, and the cancellation is raised here when it has ended.
    """
    send: Any
    if hasattr(awaitable, "send") and hasattr(awaitable, "throw"):
        it: Any = awaitable
    else:
        try:
            it = type(awaitable).__await__(awaitable)
        except AttributeError:
            raise _not_awaitable(awaitable) from None
    owner = current_owner()
    if owner is None:
        close = getattr(awaitable, "close", None)
        if close is not None:
            close()
        raise NoPortalError(_no_portal_text(awaitable))
    if owner.stepper is None:
        promote(owner)
    if NESTED and getcurrent() in NESTED:
        return _await_beside_own_loop(owner, it)
    return _await(owner, it)


def _await_beside_own_loop(owner: Any, it: Any) -> Any:
    """``await_`` in a green thread that runs a loop of its own, which stands still meanwhile."""
    current = getcurrent()
    hub = owner.hub
    state = _state.suspend(hub.hooks, hub.loop, owner.task)
    NESTED.discard(current)
    try:
        return _await(owner, it)
    finally:
        NESTED.add(current)
        _state.resume(state, hub.loop, owner.task)


def _await(owner: Any, it: Any) -> Any:
    """Step *it* to its end; its yields go to the owner's Task."""
    before = get_running_loop()
    loop = owner.loop
    yield_to_task = owner.yield_to_task
    set_running_loop(loop)
    try:
        send = getattr(it, "send", None)
        try:
            out = send(None) if send is not None else next(it)
            while True:
                try:
                    yield_to_task(out)
                except GeneratorExit:
                    close = getattr(it, "close", None)
                    if close is not None:
                        close()
                    raise
                except BaseException as exc:
                    set_running_loop(loop)
                    throw = getattr(it, "throw", None)
                    if throw is None:
                        raise
                    out = throw(exc)
                else:
                    set_running_loop(loop)
                    out = send(None) if send is not None else next(it)
        except StopIteration as stop:
            return stop.value
    finally:
        set_running_loop(before)


def _not_awaitable(thing: object) -> NotAwaitableError:
    if callable(thing):
        name = getattr(thing, "__name__", "function")
        return NotAwaitableError(
            f"await_() needs an awaitable, but got the function {thing!r}. "
            f"Did you forget to call it? Write: await_({name}(...))"
        )
    return NotAwaitableError(
        f"await_() needs a coroutine, a Future or an object with __await__, but got {thing!r}. "
        "If the call already returned its result, drop the await_()."
    )


def _no_portal_text(awaitable: object) -> str:
    name = getattr(awaitable, "__qualname__", type(awaitable).__name__)
    if get_running_loop() is not None:
        return (
            f"await_({name}) was called in code that asyncio runs directly, where a sync frame "
            "cannot wait. Run the caller greenly: 'await greenbridge.run_sync(caller, ...)', or "
            "'greenbridge.install()' once, before the Task is made; in an async def write 'await'."
        )
    return (
        f"await_({name}) was called outside green code: no event loop can run it here. Start the "
        "program with 'greenbridge.run(main)', or call it from 'greenbridge.spawn(caller)'."
    )
