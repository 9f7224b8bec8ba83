"""The stand-in for ``concurrent.futures.ThreadPoolExecutor``: its worker threads are green.

The class is the stdlib's, and so is all of its code: under the patches of ``threading`` and
``queue`` its threads and its queue are green. Which executors may have such threads is decided here
and where threads start (``_starting``): those that the program makes, in a thread that has a hub.
An event loop runs what would block it in an executor of its own, whose threads must be real ones.

A worker whose jobs wait for nothing and never run out would keep the CPU for ever. So between two
jobs it gives way, when it has had its turn for as long as OS threads may keep the interpreter.

https://docs.python.org/3/library/concurrent.futures.html#threadpoolexecutor
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import thread as _stdlib
from typing import Any, Final

from .._portal import current_owner
from .._sync import Lock
from .._turns import give_way_after_long
from .._waiting import parkable, sleep
from .queue import SimpleQueue

try:
    # It keeps the class that it finds when it is imported, for its own executors: the original.
    import uvloop as _uvloop  # noqa: F401
except ImportError:  # there is none for this platform or Python
    pass

__all__ = ("ThreadPoolExecutor", "global_shutdown_lock")

_ThreadPoolExecutor: Final = _stdlib.ThreadPoolExecutor
#: Modules whose executors keep a loop from being blocked.
_LOOPS: Final = frozenset({"asyncio.base_events", "greenbridge._program"})

#: What the module holds while it starts a thread, and while it ends.
global_shutdown_lock: Final = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=global_shutdown_lock._at_fork_reinit)


class _AnyExecutor(type(_ThreadPoolExecutor)):  # type: ignore[misc]  # computed: it may be ABCMeta
    """Takes executors that were made before patching, or by a loop, for what they are."""

    def __instancecheck__(cls, instance: object) -> bool:
        own = _ThreadPoolExecutor if cls is ThreadPoolExecutor else cls
        return type.__instancecheck__(own, instance)


class _Jobs(SimpleQueue[Any]):
    """The jobs of an executor. Who takes one gives way first, if its turn has lasted too long."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """As of ``SimpleQueue``; it may let others run even if there are jobs."""
        if self._free and (owner := current_owner()) is not None:
            give_way_after_long(owner.hub)
        return super().get(block, timeout)


class ThreadPoolExecutor(_stdlib.ThreadPoolExecutor, metaclass=_AnyExecutor):
    """``ThreadPoolExecutor`` whose jobs run in green threads, where it is used in green code."""

    __module__ = "concurrent.futures.thread"
    _greenbridge_green = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is ThreadPoolExecutor and sys._getframe(1).f_globals.get("__name__") in _LOOPS:
            return _ThreadPoolExecutor(*args, **kwargs)
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._work_queue = _Jobs()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """``Executor.shutdown``; what workers would have begun as OS threads is not cancelled.

        On cancellation the executor may have been shut down, or not.
        https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.Executor.shutdown
        """
        if wait and cancel_futures and parkable():
            sleep(0)
        super().shutdown(wait, cancel_futures=cancel_futures)
