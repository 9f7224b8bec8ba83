"""trio: a run in a green thread is as one in a thread, and has the lock that it insists on.

trio demands an RLock of C there, since a signal handler may enter it, and stops with an internal
error otherwise. A real one holds nobody up: trio does not wait while it has it. All else that trio
uses is green when it is patched: its epoll parks, and its run context is that of the green thread.
https://github.com/python-trio/trio/blob/v0.34.0/src/trio/_core/_entry_queue.py
"""

from __future__ import annotations

from typing import Any, Final

from trio._core._entry_queue import EntryQueue
from trio._core._wakeup_socketpair import WakeupSocketpair

from .. import _originals
from .._portal import current_owner
from .._threads import GreenThread

__all__ = ("task", "wakeup_on_signals")

_task: Final = EntryQueue.task
_wakeup_on_signals: Final = WakeupSocketpair.wakeup_on_signals


def task(self: Any) -> Any:
    """``EntryQueue.task``, the coroutine of a run that serves the queue."""
    # The first thing that a run does: nobody has the lock yet.
    self.lock = _originals.RLock()
    return _task(self)


def wakeup_on_signals(self: Any) -> None:
    """``WakeupSocketpair.wakeup_on_signals``: not in a green thread, as not in any but the main."""
    if not isinstance(current_owner(), GreenThread):
        _wakeup_on_signals(self)
