"""Starting: ``run``, green Tasks for a loop (``install``), sync code in a Task (``run_sync``)."""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from ._calls import SyncCall
from ._errors import HubConflictError, LoopMismatchError
from ._green_tasks import install, pool_of
from ._hub import _local
from ._hubs import start_hub
from ._loops import LoopFactory, new_raw_loop
from ._portal import current_owner
from ._teardown import shutdown, wait_task
from ._threadstate import get_running_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from ._audit._strict import Strict

P = ParamSpec("P")
T = TypeVar("T")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop factory: uvloop where it exists, else asyncio's, with green Tasks.

    For ``asyncio.Runner(loop_factory=greenbridge.new_event_loop)`` and everything else that
    takes a loop factory.
    """
    loop = new_raw_loop()
    install(loop)
    return loop


if TYPE_CHECKING:
    from asyncio import DefaultEventLoopPolicy as _DefaultPolicy
elif sys.version_info < (3, 14):
    _DefaultPolicy = asyncio.DefaultEventLoopPolicy
else:  # without the warning that the public name gives; 3.16 has no policies
    from asyncio import events

    _DefaultPolicy = getattr(events, "_BaseDefaultEventLoopPolicy", object)


class EventLoopPolicy(_DefaultPolicy):
    """Loops with green Tasks for all that does not name a loop factory: :func:`new_event_loop`.

    ``asyncio.set_event_loop_policy(greenbridge.EventLoopPolicy())``, before the first loop. From
    3.14 on asyncio warns that it will give up policies; write
    ``asyncio.run(main(), loop_factory=greenbridge.new_event_loop)`` there.
    """

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A new loop with green Tasks."""
        return new_event_loop()


@overload
def run(
    main: Callable[..., Coroutine[Any, Any, T]],
    *args: Any,
    loop_factory: LoopFactory | None = None,
    strict: bool | float | Strict = False,
) -> T: ...


@overload
def run(
    main: Callable[..., T],
    *args: Any,
    loop_factory: LoopFactory | None = None,
    strict: bool | float | Strict = False,
) -> T: ...


def run(
    main: Callable[..., Any],
    *args: Any,
    loop_factory: LoopFactory | None = None,
    strict: bool | float | Strict = False,
) -> Any:
    """Run ``main(*args)`` on a hub and a loop of its own, and return its result.

    Args:
        main: a function, which may spawn, block and ``await_``; or a coroutine function, which
            runs as a green Task.
        loop_factory: makes the loop; None means uvloop where it exists, else asyncio's.
        strict: warn of what holds the loop for longer than so many seconds, as :func:`install`.

    Raises:
        HubConflictError: inside a running loop, or where a hub runs already.
        KeyboardInterrupt: at Ctrl-C. A function gets it where it waits; a coroutine is cancelled
            first, as under ``asyncio.run``.

    At the end everything that still runs is cancelled or killed, and unwound, before the loop is
    closed.
    """
    if not callable(main):
        if asyncio.iscoroutine(main):
            name = getattr(main, "__name__", "main")
            main.close()
            raise TypeError(
                f"run() needs the function itself. Write run({name}), not run({name}())"
            )
        raise TypeError(f"run() needs a function or a coroutine function, not {main!r}")
    if get_running_loop() is not None:
        raise HubConflictError(
            "run() was called inside a running event loop. There, write "
            "'await greenbridge.run_sync(main)' to run sync code, or just 'await main()'"
        )
    hub = _local.hub
    if hub is not None and not hub.closed and (hub.owned or current_owner() is not None):
        raise HubConflictError(
            "run() was called in a thread whose hub runs already (something was spawned before). "
            "Call main() directly, or make run() the first call of the program"
        )
    loop = (loop_factory or new_raw_loop)()
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(f"loop_factory must return an asyncio event loop, not {loop!r}")
    try:
        install(loop, strict=strict or None)
    except BaseException:
        loop.close()
        raise
    hub = start_hub(loop)
    hub.pinned = True
    # Before 3.12 asyncio's child watcher asks the policy for the loop of the main thread.
    set_loop = sys.version_info < (3, 12)
    if set_loop:
        asyncio.set_event_loop(loop)
    try:
        result = main(*args)
        if asyncio.iscoroutine(result):
            return _run_task(hub, loop.create_task(result))
        return result
    finally:
        try:
            shutdown(hub)
        finally:
            if set_loop:
                asyncio.set_event_loop(None)


def _run_task(hub: Any, task: asyncio.Task[T]) -> T:
    try:
        wait_task(hub, task)
    except KeyboardInterrupt:
        if task.done():
            raise
        task.cancel()
        wait_task(hub, task)  # a second Ctrl-C does not wait for it
        if task.cancelled():
            raise
    return task.result()


def run_sync(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
    """``await run_sync(fn, ...)``: call a blocking function in a coroutine, without a thread.

    It parks this Task and nothing else: all that *fn* calls may wait with patched calls, ``await_``
    or greenbridge's own primitives. It runs as part of the Task that awaits it: the running loop
    is visible, and context variables are shared both ways.

    Raises:
        TypeError: at once, if *fn* cannot be called.
        Exception: whatever *fn* raises.

    On cancellation of the Task, CancelledError is raised in *fn* where it waits.
    """
    if not callable(fn):
        close = getattr(fn, "close", None)
        if asyncio.iscoroutine(fn) and close is not None:
            close()
            raise TypeError("run_sync() got a coroutine. Just await it: 'await coroutine'")
        raise TypeError(
            f"run_sync() needs a function to call, not {fn!r}. "
            "Write run_sync(function, argument), not run_sync(function(argument))"
        )
    loop = get_running_loop()
    if loop is None:
        raise LoopMismatchError(
            "run_sync() was called where no event loop runs. In sync code call the function "
            "itself, or start it with greenbridge.run(function)"
        )
    return SyncCall(pool_of(loop), functools.partial(fn, *args, **kwargs), fn)


def async_(fn: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Decorator: a blocking ``def`` becomes a coroutine function, run by :func:`run_sync`."""
    if asyncio.iscoroutinefunction(fn) if sys.version_info < (3, 12) else _is_async(fn):
        raise TypeError(f"async_() is for an ordinary def; {fn!r} can be awaited as it is")

    @functools.wraps(fn)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return await run_sync(fn, *args, **kwargs)

    return wrapper


def _is_async(fn: object) -> bool:
    import inspect

    return inspect.iscoroutinefunction(fn)
