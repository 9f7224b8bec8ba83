"""``await_``: wait for an awaitable from an ordinary ``def``."""

from __future__ import annotations

import asyncio
from inspect import CO_ITERABLE_COROUTINE
from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from greenlet import getcurrent

from . import _threadstate as _state
from ._amid import AMID
from ._carriers import Carrier
from ._errors import LoopMismatchError, NoPortalError, NotAwaitableError
from ._frames import STEPS_COROUTINES
from ._originals import get_ident
from ._portal import current_owner, owner_of, promote
from ._tasks import Worker
from ._threadstate import NESTED, get_running_loop, set_running_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

# Waited for without an iterator: asyncio's own, whose iterator is known to do nothing else.
_CancelledError: Final = asyncio.CancelledError
_FUTURES: Final = frozenset({asyncio.Future, asyncio.Task})


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
    owner: Any
    if cls is Carrier:
        owner = own.thread
        if owner.pending is not None:
            owner = current_owner()
    elif cls is Worker and not AMID:
        owner = owner_of(own)
    else:
        owner = current_owner()
    if owner is None:
        close_refused(awaitable)
        raise NoPortalError(_no_portal_text(awaitable))
    # A green Task may belong to a loop that runs inside a green thread.
    loop = owner.hub.loop if cls is Carrier else owner._pool.loop if cls is Worker else owner.loop
    if future is not None:
        if future.get_loop() is not loop:
            _check_loop(future, loop)
    elif it is not awaitable and asyncio.isfuture(awaitable):
        _check_loop(awaitable, loop)
    if cls is not Worker and owner.stepper is None:
        try:
            promote(owner)
        except BaseException:
            close_refused(awaitable)
            raise
    if NESTED and cls is not Worker and _is_beside_own_loop(owner, loop):
        it = it if future is None else future.__await__()
        return _await_beside_own_loop(owner, it)  # type: ignore[no-any-return]
    if future is not None:
        if not future.done():
            # What stepping its iterator would do; no other code runs in between.
            if cls is not Worker and get_running_loop() is loop:
                _check_task(owner, loop, awaitable)
            future._asyncio_future_blocking = True
            try:
                owner.yield_to_task(future)
            except _CancelledError as exc:
                stands_for = owner.settled(exc)
                if stands_for is not exc:
                    raise stands_for from None
                raise
        return future.result()  # type: ignore[no-any-return]
    return _await(owner, it, loop, cls is not Worker)  # type: ignore[no-any-return]


def _is_beside_own_loop(owner: Any, loop: Any) -> bool:
    """Whether the green thread runs a loop of its own, in this greenlet or in another one."""
    if get_running_loop() is loop or not _state.is_left(loop, owner.task):
        return False
    if get_running_loop() is None:  # it has ended
        _state.unnest(loop, owner.task)
        return False
    return True


def _await_beside_own_loop(owner: Any, it: Any) -> Any:
    """``await_`` in a green thread that runs a loop of its own, which stands still meanwhile."""
    hub = owner.hub
    state = _state.suspend(hub.hooks, hub.loop, owner.task)
    try:
        return _await(owner, it, hub.loop)
    finally:
        _state.resume(state, hub.loop, owner.task)


def _await(owner: Any, it: Any, loop: Any, check: bool = False) -> Any:
    """Step *it* to its end; its yields go to the owner's Task.

    *check* that it is the Task that runs, if the caller has not.
    """
    before = get_running_loop()
    if before is not loop:
        set_running_loop(loop)
    elif check:
        _check_task(owner, loop, it)
    try:
        try:
            out = it.send(None) if type(it) is CoroutineType else _step(it)
        except StopIteration as stop:  # it never waited
            return stop.value
        return _await_rest(owner, it, out, loop)
    except _CancelledError as exc:
        stands_for = owner.settled(exc)
        if stands_for is not exc:
            raise stands_for from None
        raise
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
                if not hasattr(it, "throw"):
                    raise
                thrown = exc
            else:
                set_running_loop(loop)
                out = send(None) if send is not None else next(it)
                continue
            # Not in the except block: what the coroutine raises later would get this as context.
            set_running_loop(loop)
            try:
                out = it.throw(thrown)
            finally:
                del thrown
    except StopIteration as stop:
        return stop.value


STEPS_COROUTINES.add(_await_rest.__code__)


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


def close_refused(awaitable: Any) -> None:
    """Close a coroutine that is refused, or Python says that it was never awaited."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()


def _check_loop(future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
    if future.get_loop() is not loop and not future.done():
        raise LoopMismatchError(
            f"await_() got {future!r} of {future.get_loop()!r}, but here {loop!r} runs. Await it "
            "where its loop runs, or make it with that loop's create_task() or create_future()"
        )


def _check_task(owner: Any, loop: Any, awaitable: Any) -> None:
    """Refuse to wait in the first step of an eager Task that is no green one.

    That is part of a step of the owner's Task, which could not be left here.
    """
    if asyncio.current_task(loop) is not owner.task:
        close_refused(awaitable)
        raise NoPortalError(_no_portal_text(awaitable))


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
    amid = AMID.get(get_ident())
    if amid is not None:
        return (
            f"await_({name}) was called in {amid}. Code that it has interrupted would be left "
            "half-way, so it cannot wait. Start a green thread for it: spawn(await_, ...)"
        )
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
