"""The portal: ``await`` from sync code, and waits on behalf of a Task.

A green task has its Task from the start (``_tasks``). A green thread gets one when it
first awaits (*promotion*): a Task is made for it whose coroutine is a :class:`Stepper`;
from then on the thread is stepped by that Task, for the rest of its life, so that
``current_task()`` is the same in all its awaits, and cancelling that Task interrupts
whatever it waits for. A green thread that never awaits never pays for a Task.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from greenlet import getcurrent, greenlet

from . import _threadstate as _state
from ._amid import AMID
from ._carriers import FINISHED, NOBODY, Carrier
from ._delivery import INTERRUPTED, ITSELF_OUTSIDE, PENDING, TIMED_OUT, WOKEN, as_exception
from ._frames import calls_for_graph, innermost, outermost
from ._hub import Hub, _local
from ._hubs import get_hub
from ._originals import get_ident
from ._owners import Waiter
from ._tasks import Worker
from ._threadstate import NESTED, get_running_loop, set_running_loop
from ._timers import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import CodeType

T = TypeVar("T")

_CancelledError: Final = asyncio.CancelledError
current_task: Final[Callable[[Any], Any]] = (
    asyncio.current_task
    if sys.version_info >= (3, 12)
    else asyncio.tasks.__dict__["_current_tasks"].get  # what that does, which is Python up to 3.11
)
#: The run of the main program's (_program) that a Task belongs to: what its end cancels.
RUN: Final[ContextVar[Any]] = ContextVar("greenbridge.run", default=None)


class TaskWaiter:
    """One wait of an owner that a Task steps: the Task awaits a future for it."""

    __slots__ = ("deadline", "error", "future", "gift", "hub", "owner", "state")

    gift: Any  # see Waiter

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

    def open(self) -> bool:
        """Whether nothing has ended it yet."""
        return not (self.state or self.future.done())

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
        if self.deadline < owner.timer_at:
            self.hub.timers.add(owner, self.deadline)
        owner.waiter = self
        before = get_running_loop()
        try:
            future = self.future
            if not future.done():
                future._asyncio_future_blocking = True
                owner.yield_to_task(future)
        except BaseException as exc:
            if self.error is not None:  # interrupted, and cancelled by somebody else
                owner.put_back(self.error, ITSELF_OUTSIDE)
                self.error = None
            if not self.state:
                self.state = INTERRUPTED
            stands_for = owner.settled(exc)
            if stands_for is not exc:
                raise stands_for from None
            raise
        finally:
            owner.waiter = None
            set_running_loop(before)  # that of a coroutine whose sync code waits
        if owner.pending is not None:
            owner.remind()
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

    __slots__ = ("owner",)

    def __init__(self, owner: Any) -> None:
        self.owner = owner

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
            exc = owner.thrown(exc)
        if owner is None:
            raise exc
        hub = owner.hub
        owner.stepper = hub.greenlet = getcurrent()
        set_running_loop(None)
        try:
            # With its traceback, which would be lost: throw(exc) starts a new one.
            out = owner.resume.throw(type(exc), exc, exc.__traceback__)
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

    def __getattr__(self, name: str) -> str:
        # Found out when somebody looks: a class body cannot have properties of these names.
        if name not in {"__name__", "__qualname__"}:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        first = None if self.owner is None else outermost(self.owner.resume.gr_frame)
        return "green_thread" if first is None else _name_of(first.f_code)

    @property
    def cr_frame(self) -> Any:
        """Where it waits: the innermost frame of the user's."""
        if self.owner is None:
            return None
        frame = self.owner.resume.gr_frame
        calls = calls_for_graph(frame)
        return innermost(frame) or frame if calls is None else calls.cr_frame

    @property
    def cr_await(self) -> Any:
        """Nothing; for a call graph, what the thread's function has called."""
        calls = None if self.owner is None else calls_for_graph(self.owner.resume.gr_frame)
        return None if calls is None else calls.cr_await

    @property
    def cr_code(self) -> Any:
        frame = self.cr_frame
        return None if frame is None else frame.f_code

    cr_running = False


def _name_of(code: CodeType) -> str:
    return getattr(code, "co_qualname", code.co_name)  # 3.11 and later have the first


def promote(owner: Any) -> None:
    """Give a green thread (or the root) its Task, and come back stepped by it."""
    hub: Hub = owner.hub
    if owner.pending is not None:
        raise owner.take()
    if hub.forbidden is not None:
        hub.check_switch()
    stepper = Stepper(owner)
    RUN.set(None)  # what the green thread awaits is its own
    # The plain Task class, not the loop's factory: this coroutine must not be wrapped again.
    owner.task = asyncio.Task(stepper, loop=hub.loop, name=owner.name)
    owner.resume = getcurrent()
    hub.switches += 1
    # The first step of the Task brings us back.
    if NESTED and get_running_loop() is not None:
        state = _state.suspend(hub.hooks)
        try:
            hub.switch_out()
        finally:
            _state.resume(state, hub.loop, owner.task)
        return
    try:
        hub.park()
    except _CancelledError as exc:  # before its first step
        stands_for = owner.settled(exc)
        if stands_for is not exc:
            raise stands_for from None
        raise


def finished(owner: Any, error: BaseException | None) -> greenlet:
    """A promoted owner ends: returns the greenlet that must get the CPU, with ``FINISHED``."""
    owner.task_error = error
    if NESTED and _state.is_left(owner.hub.loop, owner.task):
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
    if AMID and get_ident() in AMID:
        return None
    own: Any = getcurrent()
    while True:
        if type(own) is Carrier:
            thread = own.thread
            if thread is NOBODY:
                return None
            return thread if thread.stepper is None or _is_current(thread) else None
        if type(own) is Worker:
            return owner_of(own)
        hub = _local.hub
        if hub is not None and hub.root is not None and own is hub.root.greenlet:
            root = hub.root
            if hub.closed or not (may_nest or _runs_no_other_loop(own, hub)):
                return None
            return root if root.stepper is None or _is_current(root) else None
        if own is None or (hub is not None and own is hub.greenlet):
            return None
        own = own.parent  # a greenlet that code in a green thread made


def owner_of(worker: Worker) -> Any:
    """The green task whose step runs in *worker*, where the caller is; None if it cannot wait."""
    job = worker.job()
    if current_task(job._pool.loop) is not job.task:
        return None  # the first step of an eager Task that is no green one
    hub = _local.hub
    if hub is None or hub.closed or hub.loop is not get_running_loop():
        hub = get_hub()
    job.hub = hub
    return job


def _is_current(owner: Any) -> bool:
    """Whether its own Task runs, and not the first step of an eager one that is no green Task."""
    loop = owner.hub.loop
    return get_running_loop() is not loop or current_task(loop) is owner.task


def _runs_no_other_loop(own: greenlet, hub: Hub) -> bool:
    running = get_running_loop()
    if running is None or running is hub.loop or own in NESTED:
        return True
    return getcurrent() in NESTED  # a greenlet that the root made runs the loop


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
    except BaseException as exc:
        stands_for = owner.settled(exc)
        if stands_for is not exc:
            raise stands_for from None
        raise
    finally:
        set_running_loop(before)
    if owner.pending is not None:
        owner.remind()
