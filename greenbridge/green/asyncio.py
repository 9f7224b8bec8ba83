"""Stand-ins for what makes and runs event loops: whose loop it is depends on who asks.

* In a green thread a loop is the thread's own, as in any thread. It is one of asyncio's, whose
  selector parks (``green.selectors``); a uvloop loop would wait in C and hold up everything.
* In the main program ``asyncio.run`` without a loop factory runs on the hub's loop (``_program``),
  and loops that the program makes itself are nested in it, like those of green threads.
* Everywhere else the originals are called.
"""

from __future__ import annotations

import asyncio
import os
import sys
import warnings
from asyncio import events
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from .. import _originals as _stdlib
from .._hub import _local
from .._idents import get_ident
from .._main import is_main
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
from .._threadstate import get_running_loop
from . import _nesting
from .selectors import give_way, parks

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Coroutine, Iterator

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

# Where code is that a warning passes over on its way to the caller.
_INNER: Final = (os.path.dirname(asyncio.__file__), os.path.dirname(os.path.dirname(__file__)))
# Runners that have the hub's loop. Any: 3.10 has no such class.
_runs: Final[WeakKeyDictionary[Any, ProgramRun]] = WeakKeyDictionary()
# ... and those that have the loop that runs, by nest().
_borrowers: Final[WeakSet[Any]] = WeakSet()
# The event loops that green threads have set, which asyncio keeps per OS thread.
_current: Final[WeakKeyDictionary[GreenThread, asyncio.AbstractEventLoop]] = WeakKeyDictionary()


# -- methods of asyncio's loops ---------------------------------------------------------------


def loop_check_thread(self: Any) -> None:
    """``loop._check_thread``, called in debug mode: green threads may use the hub's loop.

    It is in their OS thread, and never at work while they are. Of a loop that a green thread runs
    itself this is not true for the others.
    """
    running_in = self._thread_id
    if running_in is None or running_in == get_ident():
        return
    hub = _local.hub
    if running_in != _stdlib.get_ident() or hub is None or hub.loop is not self:
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
    call = partial(_stdlib.BaseEventLoop_run_until_complete, self, future)
    return _nesting.run_until_complete(self, future, call, is_patched())


def loop_run_forever(self: asyncio.BaseEventLoop) -> None:
    """``loop.run_forever``; on the hub's own loop the main program parks until it is stopped."""
    hub = root_hub()
    if hub is not None and hub.loop is self:
        run_forever(hub)
        return
    _nesting.begins(self, is_patched())
    if parks(getattr(self, "_selector", None)):
        _stdlib.BaseEventLoop_run_forever(self)
    else:
        with _giving_way(self):
            _stdlib.BaseEventLoop_run_forever(self)


@contextmanager
def _giving_way(loop: Any) -> Iterator[None]:
    """For a loop whose selector does not park: others get their turn once in each of its rounds."""
    run_once = loop._run_once
    before = vars(loop).get("_run_once")

    def run() -> None:
        give_way()
        run_once()

    loop._run_once = run
    try:
        yield
    finally:
        if before is not None:
            loop._run_once = before
        else:
            del loop._run_once


# -- asyncio.run and its Runner ---------------------------------------------------------------


def is_patched() -> bool:
    """Whether the main program is to have the hub's loop; ``nest()`` alone does not say so."""
    return events.new_event_loop is new_event_loop


def runner_lazy_init(self: Any) -> None:
    """``Runner._lazy_init``: take the hub's loop, or the one that runs, where that is due."""
    if self._loop is not None or self._state is not type(self._state).CREATED:
        _stdlib.Runner_lazy_init(self)
    elif is_patched() and wants_hub_loop(self._loop_factory):
        _runs[self] = program = ProgramRun()
        program.enter()
        _init_with(self, program.loop, self._debug)
        program.mark(self._context)
        # What the original does where no factory is given.
        asyncio.set_event_loop(program.loop)
        self._set_event_loop = True
    elif self._loop_factory is None and (loop := _nesting.borrowable()) is not None:
        _borrowers.add(self)
        _init_with(self, loop, None)
    else:
        _stdlib.Runner_lazy_init(self)
        _nesting.begins(self.get_loop(), is_patched())


def _init_with(runner: Any, loop: asyncio.AbstractEventLoop, debug: bool | None) -> None:
    before = runner._loop_factory, runner._debug
    runner._loop_factory, runner._debug = (lambda: loop), debug
    try:
        _stdlib.Runner_lazy_init(runner)
    finally:
        runner._loop_factory, runner._debug = before


def runner_run(
    self: Any, coro: Coroutine[Any, Any, T], *, context: contextvars.Context | None = None
) -> T:
    """``Runner.run``. https://docs.python.org/3/library/asyncio-runner.html#asyncio.Runner.run"""
    if get_running_loop() is not None:
        self._lazy_init()
        if self in _borrowers:
            return _nesting.run_in_runner(self, coro, context)  # type: ignore[no-any-return]
    program = _runs.get(self)
    if program is None:
        return _stdlib.Runner_run(self, coro, context=context)  # type: ignore[no-any-return]
    if context is not None:
        program.mark(context)
    with program.making_task():
        return _stdlib.Runner_run(self, coro, context=context)  # type: ignore[no-any-return]


def runner_close(self: Any) -> None:
    """``Runner.close``; the hub's loop goes on if green threads are left on it.

    A loop that was borrowed is left as it is.
    """
    if self in _borrowers:
        _borrowers.discard(self)
        self._loop = None
        self._state = type(self._state).CLOSED
        return
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
        if _nesting.is_allowed_here():
            return _nesting.run(main, debug, loop_factory)  # type: ignore[no-any-return]
        return _stdlib.asyncio_run(main, debug=debug, loop_factory=loop_factory)

else:

    def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
        """``asyncio.run``. https://docs.python.org/3/library/asyncio-runner.html#asyncio.run"""
        if _nesting.is_allowed_here():
            return _nesting.run(main, debug, None)  # type: ignore[no-any-return]
        if sys.version_info < (3, 11) and is_patched() and wants_hub_loop(None):
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
        if sys.version_info >= (3, 12) and sys.version_info < (3, 14) and _makes_one(self):
            # The original warns of its caller, which here would be this function.
            warnings.warn(
                "There is no current event loop", DeprecationWarning, skip_file_prefixes=_INNER
            )
            self.set_event_loop(self.new_event_loop())
        return _stdlib.Policy_get_event_loop(self)  # type: ignore[no-any-return]
    try:
        return _current[thread]
    except KeyError:
        raise RuntimeError(f"There is no current event loop in thread {thread.name!r}.") from None


def _makes_one(policy: Any) -> bool:
    """Whether *policy* makes the loop that it is asked for: the main thread's first."""
    local = policy._local
    return local._loop is None and not local._set_called and is_main(_stdlib.get_ident())


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
