"""What ``nest()`` allows: sync code in a coroutine runs another coroutine on the loop that runs.

Theory of operation. The coroutine becomes one more Task of the same loop, and the Task that called
parks until that is done: an ``await``, written without the word. So nothing is re-entered, calls
end in any order, cancellation and timeouts pass through, and any loop will do. It takes a caller
that can be parked: a green Task, or a green thread of the loop.

A Task that was there before ``nest()`` cannot be parked. What it runs with ``asyncio.run`` gets a
loop of its own, which runs on top of the caller while the first loop stands still; that is all
that can be had there. On the loop that runs it can wait for nothing, which is an error.

The way not taken is nest_asyncio's: to run the loop once more inside its own callback. The inner
run then has to end before any outer one can, and only a loop written in Python can do it.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from greenlet import getcurrent

from .. import _originals as _stdlib
from .. import _threadstate as _state
from .._await import await_, close_refused
from .._errors import NoPortalError
from .._green_tasks import install, pool_of, uninstall
from .._loops import on_begin
from .._portal import current_owner
from .._program import is_program, must_nest
from .._spawn import spawn
from .._threadstate import NESTED, get_running_loop
from .._waiting import stalling

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_everywhere = 0  # how often it is allowed for every loop
_loops: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, int]] = WeakKeyDictionary()
# Loops whose Tasks are green on account of nest().
_made_green: Final[WeakSet[asyncio.AbstractEventLoop]] = WeakSet()


def allow(loop: asyncio.AbstractEventLoop | None) -> None:
    """Allow nested runs on *loop*; None is every loop. Once more each time."""
    global _everywhere
    if loop is None:
        _everywhere += 1
        loop = get_running_loop()
    else:
        _loops[loop] = _loops.get(loop, 0) + 1
    if loop is not None:
        make_green(loop)


def forbid(loop: asyncio.AbstractEventLoop | None) -> None:
    """Undo one :func:`allow`. Calls that have begun go on."""
    global _everywhere
    if loop is None:
        _everywhere -= 1
    elif _loops.get(loop, 0) > 1:
        _loops[loop] -= 1
    else:
        _loops.pop(loop, None)
    for green in list(_made_green):
        if not allowed(green):
            _made_green.discard(green)
            if not green.is_closed():
                uninstall(green)


def allowed(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether sync code may run coroutines on *loop* while that runs."""
    return _everywhere > 0 or loop in _loops


def make_green(loop: asyncio.AbstractEventLoop) -> None:
    """Have the Tasks of *loop* be green from now on, if that is not so already."""
    if not pool_of(loop).installed:
        install(loop)
        _made_green.add(loop)


def begins(loop: asyncio.AbstractEventLoop, patched: bool) -> None:
    """*loop* is about to run: its Tasks have to be green if they may nest.

    So they have if it is the main program's own, and the program is *patched*: it has no hub's
    loop beside it on which the threads that its Tasks start and wait for could run.
    """
    # An earlier loop has waited on the hub here. Whether this one does, its selector will say.
    NESTED.discard(getcurrent())
    if on_begin and not must_nest():
        for note in on_begin:
            note(loop)
    if loop.is_closed():
        return
    if _everywhere:
        make_green(loop)
    elif patched and is_program() and not must_nest() and not pool_of(loop).installed:
        install(loop)


# -- nested calls ------------------------------------------------------------------------------


def run_until_complete(
    loop: asyncio.AbstractEventLoop, future: Awaitable[T], call: Callable[[], T], patched: bool
) -> T:
    """``loop.run_until_complete(future)``, wherever; *call* is the original. See :func:`begins`."""
    if is_nested(loop):
        return run_on(loop, future)
    if loop.is_running():
        return call()  # says so
    begins(loop, patched)
    return run_beside(call) if is_allowed_here() else call()


def is_allowed_here() -> bool:
    """Whether a loop runs here, and may be nested in."""
    loop = get_running_loop()
    return loop is not None and allowed(loop)


def is_nested(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether to run on *loop* here and now means to nest, and is allowed."""
    if not allowed(loop) or not loop.is_running():
        return False
    if get_running_loop() is loop:
        return True
    owner = current_owner()
    return owner is not None and owner.loop is loop


def run_on(loop: asyncio.AbstractEventLoop, future: Awaitable[T]) -> T:
    """``loop.run_until_complete(future)`` while *loop* runs: the caller parks.

    Raises:
        NoPortalError: the caller cannot be parked; *future* is closed, if it is a coroutine.
    """
    owner = current_owner()
    if owner is None or owner.loop is not loop:
        close_refused(future)
        raise NoPortalError(
            f"the Task that runs here was made before greenbridge.nest() was called for {loop!r}, "
            "so nothing can wait in it. Call nest() before the loop starts, in a notebook in a "
            "cell before, or write 'await greenbridge.run_sync(function)' around the call"
        )
    return await_(asyncio.ensure_future(future, loop=loop))


def borrowable() -> asyncio.AbstractEventLoop | None:
    """The loop that runs here, if a runner may use it in place of a new one."""
    loop = get_running_loop()
    if loop is None or not allowed(loop):
        return None
    owner = current_owner()
    return loop if owner is not None and owner.loop is loop else None


def run(main: Any, debug: bool | None, loop_factory: Any) -> Any:
    """``asyncio.run`` inside a running loop."""
    loop = borrowable()
    if loop is None or loop_factory is not None:
        return run_beside(partial(_run_new, main, debug, loop_factory))
    check_coroutine(main)
    return run_on(loop, main)


def check_coroutine(main: object) -> None:
    """Refuse what ``asyncio.run`` refuses."""
    if sys.version_info < (3, 14) and not asyncio.iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")


def run_beside(call: Callable[[], T]) -> T:
    """Make a *call* that runs another loop than the one that runs here.

    In a green thread, if that can wait beside the others; else on top of the caller, and the loop
    that runs here stands still meanwhile.
    """
    if current_owner() is None or not _selectors_park():
        state = _state.suspend((None, None))
        try:
            return stalling("asyncio.run", call)  # type: ignore[no-any-return]
        finally:
            _state.resume(state)
    thread = spawn(call)
    try:
        return thread.get()  # type: ignore[no-any-return]
    except BaseException:
        thread.kill()
        raise


def _selectors_park() -> bool:
    return selectors.SelectSelector.select is not _stdlib.SelectSelector_select


def _run_new(main: Any, debug: bool | None, loop_factory: Any) -> Any:
    # With a factory, or the main program would be given the hub's loop, which is what stands still.
    if sys.version_info >= (3, 11):
        with asyncio.Runner(
            debug=debug, loop_factory=loop_factory or asyncio.new_event_loop
        ) as runner:
            return runner.run(main)
    return _stdlib.asyncio_run(main, debug=debug)


# -- a Runner that has borrowed a loop ---------------------------------------------------------


def run_in_runner(runner: Any, coro: Any, context: contextvars.Context | None) -> Any:
    """``Runner.run`` on the loop that it has borrowed."""
    check_coroutine(coro)
    if context is None:
        context = runner._context
    loop = runner.get_loop()
    if sys.version_info >= (3, 14) and not asyncio.iscoroutine(coro):
        coro = _awaits(coro)
    return run_on(loop, loop.create_task(coro, context=context))


async def _awaits(awaitable: Awaitable[T]) -> T:
    return await awaitable
