"""What asyncio keeps per OS thread, and how a green thread gets its own.

asyncio stores the running loop, the current Task and the async generator hooks
per OS thread. Green threads share one OS thread, so whoever is switched in must
find its own. Two cases, and only the second one costs anything:

* Green threads that run no loop: the hub hides its loop (``set_running_loop(None)``)
  when it enters them and shows it again when it gets the CPU back.
* A green thread that runs a loop of its own (``asyncio.run`` in it): ``NESTED``
  has the greenlet that does. Before it leaves the CPU its three values are saved
  and cleared, and put back when it returns, by :func:`suspend` and :func:`resume`.
  So they are for whatever waits where that loop is seen: greenlets that code in
  it made (SQLAlchemy's), and the one that is called back from it (Playwright's).

So whenever control passes between greenlets of the bare world there is no
running loop, no current Task, and the hooks are those of the hub's loop.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events, tasks
from typing import Any, Final

from greenlet import getcurrent, greenlet

set_running_loop: Final = events._set_running_loop
get_running_loop: Final = events._get_running_loop
# Of the same implementation, whatever the names in asyncio stand for later. A Task of asyncio's
# other one, written in Python, is since 3.14 not known to these: it is kept by its loop.
_current_task: Final = tasks.current_task
_enter_task: Final = tasks._enter_task
_leave_task: Final = tasks._leave_task

#: Greenlets that run an event loop of their own inside a hub's OS thread.
NESTED: Final[set[greenlet]] = set()


class State:
    """The asyncio state of one greenlet while it is off the CPU."""

    __slots__ = ("hooks", "loop", "task")

    def __init__(self) -> None:
        self.loop = loop = get_running_loop()
        self.hooks = sys.get_asyncgen_hooks()
        self.task: asyncio.Task[Any] | None = None
        if loop is not None:
            self.task = _current_task(loop)


def suspend(
    hooks: Any,
    loop: asyncio.AbstractEventLoop | None = None,
    stepped_by: asyncio.Task[Any] | None = None,
) -> State:
    """Take the current greenlet's asyncio state out of the OS thread.

    Args:
        hooks: the async generator hooks of the hub's loop.
        loop, stepped_by: the hub's loop and the Task that steps this greenlet, if one does: it
            is the current one again while its step returns.
    """
    state = State()
    if state.task is not None and state.loop is not None:
        _leave_task(state.loop, state.task)
    set_running_loop(loop)
    if loop is not None and stepped_by is not None:
        _enter_task(loop, stepped_by)
    sys.set_asyncgen_hooks(*hooks)
    return state


def resume(
    state: State,
    loop: asyncio.AbstractEventLoop | None = None,
    stepped_by: asyncio.Task[Any] | None = None,
) -> None:
    """Put the state that :func:`suspend` took back, in the greenlet that it belongs to."""
    if loop is not None and stepped_by is not None:
        set_running_loop(loop)  # 3.14 checks that a Task is left under its own loop
        _leave_task(loop, stepped_by)
    sys.set_asyncgen_hooks(*state.hooks)
    set_running_loop(state.loop)
    if state.task is not None and state.loop is not None:
        _enter_task(state.loop, state.task)


def nest(
    loop: asyncio.AbstractEventLoop | None = None,
    stepped_by: asyncio.Task[Any] | None = None,
) -> None:
    """The current greenlet has begun to run a loop of its own (the green selector says so).

    *loop* and *stepped_by* as in :func:`suspend`.
    """
    if loop is not None and stepped_by is not None and not is_left(loop, stepped_by):
        own = get_running_loop()
        set_running_loop(loop)
        _leave_task(loop, stepped_by)
        set_running_loop(own)
    NESTED.difference_update([own for own in NESTED if own.dead])
    NESTED.add(getcurrent())


def is_left(loop: asyncio.AbstractEventLoop, stepped_by: asyncio.Task[Any]) -> bool:
    """Whether the Task that steps this green thread was left for a loop that it runs itself.

    It stays so when that loop has ended, until :func:`unnest`.
    """
    own = get_running_loop()
    set_running_loop(loop)  # 3.14 keeps a Task for the loop that runs only
    left = tasks.current_task(loop) is not stepped_by
    set_running_loop(own)
    return left


def unnest(
    loop: asyncio.AbstractEventLoop | None = None,
    stepped_by: asyncio.Task[Any] | None = None,
) -> None:
    """The loop that was run here has ended: the OS thread's state is as before :func:`nest`."""
    NESTED.discard(getcurrent())
    if loop is not None and stepped_by is not None:
        set_running_loop(loop)
        _enter_task(loop, stepped_by)
        set_running_loop(None)
