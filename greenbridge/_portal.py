"""The portal: ``await`` from sync code, and waits on behalf of a Task.

A green task has its Task from the start (``_tasks``). A green thread gets one when it
first awaits (*promotion*): a Task is made for it whose coroutine is a :class:`Stepper`;
from then on the thread is stepped by that Task, for the rest of its life, so that
``current_task()`` is the same in all its awaits, and cancelling that Task interrupts
whatever it waits for. A green thread that never awaits never pays for a Task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from inspect import CO_ITERABLE_COROUTINE
from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from greenlet import getcurrent, greenlet

from . import _threadstate as _state
from ._carriers import FINISHED, Carrier
from ._errors import LoopMismatchError, NoPortalError, NotAwaitableError
from ._hub import Hub, _local, get_hub
from ._originals import get_ident
from ._owners import INTERRUPTED, PENDING, TIMED_OUT, WOKEN, Waiter
from ._tasks import Worker, as_exception
from ._threadstate import NESTED, get_running_loop, set_running_loop
from ._timers import NEVER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

T = TypeVar("T")

_CancelledError: Final = asyncio.CancelledError
# Waited for without an iterator: asyncio's own, whose iterator is known to do nothing else.
_FUTURES: Final = frozenset({asyncio.Future, asyncio.Task})


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
            self.state = INTERRUPTED
            raise owner.take()
        if self.deadline < owner.timer_at:
            hub.timers.add(owner, self.deadline)
        owner.waiter = self
        before = get_running_loop()
        try:
            future = self.future
            if not future.done():
                future._asyncio_future_blocking = True
                owner.yield_to_task(future)
        finally:
            owner.waiter = None
            set_running_loop(before)  # that of a coroutine whose sync code waits
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


class Stepper(Coroutine[Any, Any, Any]):
    """The coroutine of the Task that a green thread gets at its first await."""

    __slots__ = ("__name__", "__qualname__", "owner")

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.__name__ = self.__qualname__ = "green_thread"

    def __iter__(self) -> Stepper:
        return self

    def __next__(self) -> Any:
        owner = self.owner
        if owner is None:
            raise StopIteration
        hub = owner.hub
        owner.stepper = hub.greenlet = getcurrent()
        set_running_loop(None)
        try:
            out = owner.resume.switch(None)
        finally:
            set_running_loop(hub.loop)
        return self._end() if out is FINISHED else out

    def send(self, value: Any) -> Any:
        return self.__next__()

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        exc = as_exception(typ, val, tb)
        owner = self.owner
        if owner is not None and owner.pending is not None and isinstance(exc, _CancelledError):
            exc = owner.exchange(exc)
        if owner is None:
            raise exc
        hub = owner.hub
        owner.stepper = hub.greenlet = getcurrent()
        set_running_loop(None)
        try:
            out = owner.resume.throw(exc)
        finally:
            set_running_loop(hub.loop)
        return self._end() if out is FINISHED else out

    def close(self) -> None:
        """A green thread is unwound by its hub, not by its Task."""

    def _end(self) -> NoReturn:
        owner, self.owner = self.owner, None
        if isinstance(owner.task_error, _CancelledError):
            raise owner.task_error
        raise StopIteration

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

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
        raise owner.take()
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


def current_owner(may_nest: bool = False) -> Any:
    """Who waits when the code that runs now waits: an Owner, or None where nothing can park.

    *may_nest*: the caller will say so if a loop runs here inside the root (``_threadstate.nest``).
    """
    own: Any = getcurrent()
    while True:
        if isinstance(own, Carrier):
            return own.thread
        if isinstance(own, Worker):
            job = own.job()
            hub = _local.hub
            if hub is None or hub.closed or hub.loop is not get_running_loop():
                hub = get_hub()
            job.hub = hub
            return job
        hub = _local.hub
        if hub is not None and hub.root is not None and own is hub.root.greenlet:
            if hub.closed or not (may_nest or _runs_no_other_loop(own, hub)):
                return None
            return hub.root
        if own is None or (hub is not None and own is hub.greenlet):
            return None
        own = own.parent  # a greenlet that code in a green thread made


def _runs_no_other_loop(own: greenlet, hub: Hub) -> bool:
    running = get_running_loop()
    return running is None or running is hub.loop or own in NESTED


def make_waiter(owner: Any, deadline: float = NEVER) -> Any:
    """A wait of *owner*, in the form that suits how it is run."""
    if owner.stepper is None:
        return Waiter(owner, getcurrent(), deadline)
    return TaskWaiter(owner.hub, owner, owner.loop, deadline)


def yield_once(owner: Any) -> None:
    """What ``asyncio.sleep(0)`` does, for an owner that a Task steps."""
    before = get_running_loop()
    try:
        owner.yield_to_task(None)
    finally:
        set_running_loop(before)


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
    kind = type(awaitable)
    future: Any = awaitable if kind in _FUTURES else None  # stepped without an iterator
    it: Any = awaitable if kind is CoroutineType or future is not None else _iterator_of(awaitable)
    own: Any = getcurrent()
    cls = type(own)
    owner: Any = own.thread if cls is Carrier else current_owner()
    if owner is None:
        _close(awaitable)
        raise NoPortalError(_no_portal_text(awaitable))
    loop = owner.hub.loop
    if future is not None:
        if future.get_loop() is not loop:
            _check_loop(future, loop)
    elif it is not awaitable and asyncio.isfuture(awaitable):
        _check_loop(awaitable, loop)
    if cls is not Worker and owner.stepper is None:
        try:
            promote(owner)
        except BaseException:
            _close(awaitable)
            raise
    if NESTED and own in NESTED:
        it = it if future is None else future.__await__()
        return _await_beside_own_loop(owner, it)  # type: ignore[no-any-return]
    if future is not None:
        if not future.done():
            # What stepping its iterator would do; no other code runs in between.
            future._asyncio_future_blocking = True
            owner.yield_to_task(future)
        return future.result()  # type: ignore[no-any-return]
    return _await(owner, it, loop)  # type: ignore[no-any-return]


def _await_beside_own_loop(owner: Any, it: Any) -> Any:
    """``await_`` in a green thread that runs a loop of its own, which stands still meanwhile."""
    current = getcurrent()
    hub = owner.hub
    state = _state.suspend(hub.hooks, hub.loop, owner.task)
    NESTED.discard(current)
    try:
        return _await(owner, it, hub.loop)
    finally:
        NESTED.add(current)
        _state.resume(state, hub.loop, owner.task)


def _await(owner: Any, it: Any, loop: Any) -> Any:
    """Step *it* to its end; its yields go to the owner's Task."""
    before = get_running_loop()
    if before is not loop:
        set_running_loop(loop)
    try:
        try:
            out = it.send(None) if type(it) is CoroutineType else _step(it)
        except StopIteration as stop:  # it never waited
            return stop.value
        return _await_rest(owner, it, out, loop)
    finally:
        if before is not loop:
            set_running_loop(before)


def _step(it: Any) -> Any:
    send = getattr(it, "send", None)
    return send(None) if send is not None else next(it)


def _await_rest(owner: Any, it: Any, out: Any, loop: Any) -> Any:
    """What :func:`_await` does after the first step, which has yielded *out*."""
    yield_to_task = owner.yield_to_task
    send = getattr(it, "send", None)
    try:
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


def _iterator_of(awaitable: Any) -> Any:
    """What ``await`` would step, for anything but a coroutine of an ``async def``."""
    if isinstance(awaitable, GeneratorType):
        if awaitable.gi_code.co_flags & CO_ITERABLE_COROUTINE:  # types.coroutine made it
            return awaitable
        raise _not_awaitable(awaitable)
    try:
        start = type(awaitable).__await__
    except AttributeError:
        raise _not_awaitable(awaitable) from None
    return start(awaitable)


def _close(awaitable: Any) -> None:
    """Close a coroutine that is refused, or Python says that it was never awaited."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()


def _check_loop(future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
    if future.get_loop() is not loop and not future.done():
        raise LoopMismatchError(
            f"await_() got {future!r} of {future.get_loop()!r}, but here {loop!r} runs. Await it "
            "where its loop runs, or make it with that loop's create_task() or create_future()"
        )


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
