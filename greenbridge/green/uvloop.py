"""Stand-ins for uvloop, whose loops wait in C: they cannot be nested in the hub's.

In a green thread, and in the main program beside green threads, uvloop gives a loop of asyncio's
instead. One that was made elsewhere runs in an OS thread of its own. ``uvloop.run`` in the main
program is what ``asyncio.run`` is there: it runs on the hub's loop.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import uvloop
from uvloop.loop import Loop as _BaseLoop

from .._green_tasks import install
from .._offload import run_loop_natively
from .._program import (
    is_program,
    must_nest,
    root_hub,
    run_forever,
    run_until_complete,
    wants_hub_loop,
)
from . import _nesting
from .asyncio import is_patched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

__all__ = ("loop_run_forever", "loop_run_until_complete", "new_loop", "run")

T = TypeVar("T")

# Bound before the tables are applied: the engine imports this module to do that.
_run: Final[Any] = uvloop.run
_new_event_loop: Final = uvloop.new_event_loop


def new_loop(*args: Any, **kwargs: Any) -> Any:
    """``uvloop.Loop.__new__``: where a loop has to be nested, one of asyncio's that can be.

    The main program's own has green Tasks at once, not when it begins to run: a Task may be made
    first and run then, as the Runner of Python 3.10's backport does.
    """
    if must_nest():
        return asyncio.SelectorEventLoop()
    loop = _BaseLoop.__new__(*args, **kwargs)
    if is_patched() and is_program():
        install(loop)
    return loop


def loop_run_until_complete(self: Any, future: Awaitable[T]) -> T:
    """``loop.run_until_complete``; on the hub's own loop the main program parks.

    In a green thread the loop runs in an OS thread of its own, while the green thread parks.
    """
    hub = root_hub()
    if hub is not None and hub.loop is self:
        return run_until_complete(hub, future)
    run: Callable[[], T] = partial(_BaseLoop.run_until_complete, self, future)
    if must_nest() and not self.is_running():
        return run_loop_natively(self, run)
    return _nesting.run_until_complete(self, future, run, is_patched())


def loop_run_forever(self: Any) -> None:
    """``loop.run_forever``, as :func:`loop_run_until_complete`."""
    hub = root_hub()
    if hub is not None and hub.loop is self:
        run_forever(hub)
    elif must_nest() and not self.is_running():
        run_loop_natively(self, partial(_BaseLoop.run_forever, self))
    else:
        _nesting.begins(self, is_patched())
        _BaseLoop.run_forever(self)


def run(
    main: Coroutine[Any, Any, T],
    *,
    loop_factory: Any = _new_event_loop,
    debug: bool | None = None,
    **run_kwargs: Any,
) -> T:
    """``uvloop.run``; where a loop has to be nested, or is the hub's own, it is ``asyncio.run``.

    https://uvloop.readthedocs.io/user/index.html
    """
    hub_loop = is_patched() and wants_hub_loop(loop_factory)
    if loop_factory is _new_event_loop and (must_nest() or hub_loop):
        return asyncio.run(main, debug=debug, **run_kwargs)
    return _run(  # type: ignore[no-any-return]
        main, loop_factory=loop_factory, debug=debug, **run_kwargs
    )
