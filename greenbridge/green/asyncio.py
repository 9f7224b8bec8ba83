"""Stand-ins for what makes and runs event loops: whose loop it is depends on who asks.

* In a green thread a loop is the thread's own, as in any thread. It is one of asyncio's, whose
  selector parks (``green.selectors``); a uvloop loop would wait in C and hold up everything.
* In the main program ``asyncio.run`` without a loop factory runs on the hub's loop (``_program``),
  and loops that the program makes itself are nested in it, like those of green threads.
* Everywhere else the originals are called.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from .. import _originals as _stdlib
from .._idents import get_ident
from .._portal import current_owner
from .._program import (
    ProgramRun,
    must_nest,
    root_hub,
    run_forever,
    run_until_complete,
    wants_hub_loop,
)
from .._threads import GreenThread

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Coroutine

__all__ = (
    "get_event_loop",
    "loop_check_thread",
    "loop_run_forever",
    "loop_run_until_complete",
    "new_event_loop",
    "run",
    "runner_close",
    "runner_lazy_init",
    "runner_run",
    "set_event_loop",
)

T = TypeVar("T")

# Runners that have the hub's loop. Any: 3.10 has no such class.
_runs: WeakKeyDictionary[Any, ProgramRun] = WeakKeyDictionary()
# The event loops that green threads have set, which asyncio keeps per OS thread.
_current: WeakKeyDictionary[GreenThread, asyncio.AbstractEventLoop] = WeakKeyDictionary()


# -- methods of asyncio's loops ---------------------------------------------------------------


def loop_check_thread(self: Any) -> None:
    """``loop._check_thread``, called in debug mode: green threads may use the hub's loop.

    It is in their OS thread, and never at work while they are. Of a loop that a green thread runs
    itself this is not true for the others.
    """
    running_in = self._thread_id
    if running_in is not None and running_in not in (get_ident(), _stdlib.get_ident()):
        raise RuntimeError(
            "Non-thread-safe operation invoked on an event loop other than the current one"
        )


def loop_run_until_complete(self: asyncio.BaseEventLoop, future: Awaitable[T]) -> T:
    """``loop.run_until_complete``; on the hub's own loop the main program parks.

    https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.run_until_complete
    """
    hub = root_hub()
    if hub is not None and hub.loop is self:
        return run_until_complete(hub, future)
    return _stdlib.BaseEventLoop_run_until_complete(self, future)


def loop_run_forever(self: asyncio.BaseEventLoop) -> None:
    """``loop.run_forever``; on the hub's own loop the main program parks until it is stopped."""
    hub = root_hub()
    if hub is not None and hub.loop is self:
        run_forever(hub)
    else:
        _stdlib.BaseEventLoop_run_forever(self)


# -- asyncio.run and its Runner ---------------------------------------------------------------


def _patched() -> bool:
    """Whether the main program is to have the hub's loop; ``nest()`` alone does not say so."""
    return events.new_event_loop is new_event_loop


def runner_lazy_init(self: Any) -> None:
    """``Runner._lazy_init``: take the hub's loop, where that is the one to have."""
    created = self._loop is None and self._state is type(self._state).CREATED
    if not (created and _patched() and wants_hub_loop(self._loop_factory)):
        _stdlib.Runner_lazy_init(self)
        return
    _runs[self] = program = ProgramRun()
    make, self._loop_factory = self._loop_factory, lambda: program.loop
    try:
        _stdlib.Runner_lazy_init(self)
    finally:
        self._loop_factory = make
    program.mark(self._context)
    # What the original does where no factory is given.
    asyncio.set_event_loop(program.loop)
    self._set_event_loop = True


def runner_run(
    self: Any, coro: Coroutine[Any, Any, T], *, context: contextvars.Context | None = None
) -> T:
    """``Runner.run``. https://docs.python.org/3/library/asyncio-runner.html#asyncio.Runner.run"""
    program = _runs.get(self)
    if program is not None and context is not None:
        program.mark(context)
    return _stdlib.Runner_run(self, coro, context=context)  # type: ignore[no-any-return]


def runner_close(self: Any) -> None:
    """``Runner.close``; the hub's loop goes on if green threads are left on it."""
    program = _runs.pop(self, None)
    if program is None:
        _stdlib.Runner_close(self)
        return
    try:
        program.finish()
    finally:
        asyncio.set_event_loop(None)
        self._loop = None
        self._state = type(self._state).CLOSED


def _run(main: Coroutine[Any, Any, T], debug: bool | None) -> T:
    """``asyncio.run`` of the main program before there was a Runner."""
    if not asyncio.iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    import contextvars

    program = ProgramRun()
    context = contextvars.copy_context()
    program.mark(context)
    try:
        asyncio.set_event_loop(program.loop)
        if debug is not None:
            program.loop.set_debug(debug)
        task = context.run(program.loop.create_task, main)
        hub = program.hub
        return run_until_complete(hub, task)
    finally:
        try:
            program.finish()
        finally:
            asyncio.set_event_loop(None)


if sys.version_info >= (3, 12):

    def run(
        main: Coroutine[Any, Any, T], *, debug: bool | None = None, loop_factory: Any = None
    ) -> T:
        """``asyncio.run``. https://docs.python.org/3/library/asyncio-runner.html#asyncio.run"""
        return _stdlib.asyncio_run(main, debug=debug, loop_factory=loop_factory)

else:

    def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
        """``asyncio.run``. https://docs.python.org/3/library/asyncio-runner.html#asyncio.run"""
        if sys.version_info < (3, 11) and _patched() and wants_hub_loop(None):
            return _run(main, debug)
        return _stdlib.asyncio_run(main, debug=debug)


# -- which loop a thread has ------------------------------------------------------------------


def new_event_loop() -> asyncio.AbstractEventLoop:
    """``asyncio.new_event_loop``; where the loop has to be nested, one that can be.

    https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.new_event_loop
    """
    loop = _stdlib.new_event_loop()
    if isinstance(loop, asyncio.BaseEventLoop) or not must_nest():
        return loop
    loop.close()
    return asyncio.SelectorEventLoop()


def get_event_loop(self: Any) -> asyncio.AbstractEventLoop:
    """``get_event_loop`` of the default policy; a green thread has what it has set itself.

    Raises:
        RuntimeError: in a green thread that has set none, as in any thread but the main one.
    """
    thread = current_owner()
    if not isinstance(thread, GreenThread):
        return _stdlib.Policy_get_event_loop(self)  # type: ignore[no-any-return]
    try:
        return _current[thread]
    except KeyError:
        raise RuntimeError(f"There is no current event loop in thread {thread.name!r}.") from None


def set_event_loop(self: Any, loop: asyncio.AbstractEventLoop | None) -> None:
    """``set_event_loop`` of the default policy; see :func:`get_event_loop`."""
    thread = current_owner()
    if not isinstance(thread, GreenThread):
        _stdlib.Policy_set_event_loop(self, loop)
    elif loop is None:
        _current.pop(thread, None)
    elif isinstance(loop, asyncio.AbstractEventLoop):
        _current[thread] = loop
    else:
        raise TypeError(
            f"loop must be an instance of AbstractEventLoop or None, not '{type(loop).__name__}'"
        )
