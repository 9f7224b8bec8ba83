"""After a fork: the child starts clean, the parent goes on as if nothing had happened.

Theory of operation. The child has the memory of the parent's hubs and loops, and descriptors
that lead to the same epoll objects and pipes: to touch one would be felt in the parent. So they are
closed for use and kept, for ever: to drop them would run the ``finally`` blocks of the parent's
green threads, which exist once, and there. Whoever forked goes on, as the program itself. If that
was a green thread or task, its greenlet becomes an ordinary one, in which nothing parks: there is
no hub. The first ``spawn`` starts a new one, of which it is the root; so a child that only calls
``exec``, or works through a queue of jobs, never has a hub and waits as any program does.

When the function of a green thread that forked returns in the child, the process ends, as the one
of an OS thread would.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from greenlet import getcurrent, greenlet

from ._carriers import Carrier, Forked
from ._errors import GreenExit
from ._hub import HUBS, Hub, _local, on_self_start
from ._interrupts import CtrlC
from ._originals import signal_getsignal, signal_set_wakeup_fd, signal_signal
from ._tasks import ForkedWorker, Worker
from ._teardown import shutdown
from ._threadstate import NESTED, set_running_loop

# What the parent was doing; see above.
_parents: list[Any] = []
_forked: Any = None  # the greenlet that forked, in a child whose program it is

_ASYNCIO_RESETS_ITSELF = sys.version_info >= (3, 12)


def _after_fork_in_child() -> None:
    own: Any = getcurrent()
    while own is not None and not isinstance(own, (Carrier, Worker)):
        own = own.parent
    if HUBS:
        _reset_loops()
    runs = own.thread if isinstance(own, Carrier) else None
    for hub in HUBS:
        for thread in hub.threads:
            if thread is not runs:  # it is in the parent; who asks here hears that it was killed
                thread._links = None
                thread._value = GreenExit()
        hub.closed = True
        hub.ready.clear()
        hub.round.clear()
        hub.more = 0
        _parents.append(hub)
    HUBS.clear()
    NESTED.clear()
    _local.hub = None
    set_running_loop(None)
    if own is not None:
        _adopt(own)


def _reset_loops() -> None:
    """What asyncio has per OS thread, and what a loop has for signals: they are the parent's."""
    if type(signal_getsignal(signal.SIGINT)) is CtrlC:
        signal_signal(signal.SIGINT, signal.default_int_handler)
    if _ASYNCIO_RESETS_ITSELF:
        return
    # Else a signal of the child would wake the parent's loop, which would handle it.
    signal_set_wakeup_fd(-1)
    policy: Any = asyncio.get_event_loop_policy()
    state = getattr(policy, "_local", None)
    if state is not None:
        policy._local = type(state)()


def _adopt(own: Any) -> None:
    """The fork was in green code: that is the program now, and the child ends with it."""
    global _forked
    top = own
    while top.parent is not None:
        top = top.parent
    if isinstance(own, Carrier):
        thread = own.thread
        _parents.append(thread)
        # Where the carrier goes at the end of its green thread.
        thread.hub.greenlet = ending = greenlet(_exit_child, top)
        thread.hub.round.append(ending)
        thread.stepper = None
        own.__class__ = Forked
        own.hub = None  # type: ignore[assignment]  # it wakes nobody of the parent's
    else:
        _parents.append(own.job())
        own.stepper = greenlet(_exit_child, top)
        own.__class__ = ForkedWorker
    _forked = own


def _take_root(hub: Hub) -> None:
    """A hub is started in the child: its root is who forked, not a greenlet that was made there."""
    root = hub.root
    at: Any = getcurrent()
    while at is not None and root is not None:
        if at is _forked:
            root.greenlet = root.resume = at
            return
        at = at.parent


def _exit_child(*_: object) -> None:
    # As when the function of a native thread that forked returns in the child.
    hub = _local.hub
    try:
        if hub is not None:
            hub.root.greenlet = getcurrent()  # type: ignore[union-attr]  # it has one
            shutdown(hub)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


on_self_start.append(_take_root)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
