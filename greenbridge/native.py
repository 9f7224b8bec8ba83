"""Real threads, and what real threads are made of: the same whether the stdlib is patched or not.

For code that must not share the loop's OS thread: a library that wants an OS thread of its own, a
thread that computes, a watchdog that has to run while the loop does not. What is here blocks its
whole OS thread, so in green code write the patched names, or greenbridge's own primitives, which
serve both worlds. Joining a real thread from green code parks, if the stdlib is patched.

Sockets, files and subprocesses need nothing of the kind: in a real thread the patched ones block as
the originals do.

Theory of operation. The stdlib's classes are Python code that looks its locks up in its module,
where the patches stand. A second copy of the module would have a list of threads of its own, and
hooks at fork and at exit. So the classes here are subclasses of the originals, and those of their
methods that make locks are the stdlib's own code, run with the original names.
"""

from __future__ import annotations

import threading as _threading
from queue import Empty as Empty
from queue import Full as Full
from threading import BrokenBarrierError as BrokenBarrierError
from threading import get_native_id as get_native_id
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from . import _originals
from ._patching import original

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor as _ThreadPoolExecutor
    from queue import LifoQueue as _LifoQueue
    from queue import PriorityQueue as _PriorityQueue
    from queue import Queue as _Queue
    from queue import SimpleQueue as _SimpleQueue
    from threading import Barrier as _Barrier
    from threading import BoundedSemaphore as _BoundedSemaphore
    from threading import Condition as _Condition
    from threading import Event as _Event
    from threading import Lock as Lock
    from threading import RLock as RLock
    from threading import Semaphore as _Semaphore
    from threading import local as local
else:
    Lock = original("threading", "Lock")
    RLock = _originals.RLock
    local = _originals.thread_local
    _Barrier = original("threading", "Barrier")
    _BoundedSemaphore = original("threading", "BoundedSemaphore")
    _Condition = original("threading", "Condition")
    _Event = original("threading", "Event")
    _LifoQueue = original("queue", "LifoQueue")
    _PriorityQueue = original("queue", "PriorityQueue")
    _Queue = original("queue", "Queue")
    _Semaphore = original("threading", "Semaphore")
    _SimpleQueue = original("queue", "SimpleQueue")
    _ThreadPoolExecutor = original("concurrent.futures.thread", "ThreadPoolExecutor")

__all__ = (
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Empty",
    "Event",
    "Full",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "SimpleQueue",
    "Thread",
    "ThreadPoolExecutor",
    "Timer",
    "get_ident",
    "get_native_id",
    "local",
    "sleep",
    "start_new_thread",
)

T = TypeVar("T")
C = TypeVar("C", bound=type)

sleep: Final = _originals.time_sleep
get_ident: Final = _originals.get_ident
start_new_thread: Final = _originals.start_new_thread

#: What the code of the stdlib's classes finds in place of the patched names.
_REAL: Final[dict[str, Any]] = {
    "Lock": Lock,
    "RLock": RLock,
    "_allocate_lock": _originals.allocate_lock,
}
# Any: the methods below look nothing up in it but what makes locks.
_REAL["threading"] = SimpleNamespace(Lock=Lock, RLock=RLock)


def _on_real_locks(cls: C) -> C:
    """Give *cls* the methods of its base that make locks, with the names in ``_REAL``."""
    for name, method in vars(cls.__mro__[1]).items():
        if isinstance(method, FunctionType) and not _REAL.keys().isdisjoint(
            method.__code__.co_names
        ):
            names = {**method.__globals__, **_REAL}
            code, closure = method.__code__, method.__closure__
            made = FunctionType(code, names, name, method.__defaults__, closure)
            made.__kwdefaults__ = method.__kwdefaults__
            made.__doc__ = method.__doc__
            made.__qualname__ = f"{cls.__name__}.{name}"
            made.__module__ = cls.__module__
            setattr(cls, name, made)
    _REAL[cls.__name__] = cls
    setattr(_REAL["threading"], cls.__name__, cls)
    return cls


# -- threads ---------------------------------------------------------------------------------------


class Thread(_threading.Thread):
    """``threading.Thread`` that is an OS thread, wherever it is started.

    It is in ``threading.enumerate()``, and the program waits for its end unless it is a daemon.
    ``start()`` does not let other green threads run; ``join()`` in green code does, if the stdlib
    is patched: another OS thread waits for the end then. On cancellation of who joins, the thread
    runs on.
    """

    _greenbridge_native = True  # green._starting looks for it


class Timer(Thread, _threading.Timer):
    """``threading.Timer`` that is an OS thread, and is on time while a loop stands still."""


class ThreadPoolExecutor(_ThreadPoolExecutor):
    """``concurrent.futures.ThreadPoolExecutor`` whose threads are OS threads.

    Waiting for its futures and leaving its ``with`` block parks in green code, if the stdlib is
    patched. On cancellation a job that has begun runs on.
    """


# -- locks -----------------------------------------------------------------------------------------


@_on_real_locks
class Condition(_Condition):
    """``threading.Condition`` on a real lock: ``wait()`` blocks the OS thread."""


@_on_real_locks
class Event(_Event):
    """``threading.Event`` on real locks: ``wait()`` blocks the OS thread."""


@_on_real_locks
class Semaphore(_Semaphore):
    """``threading.Semaphore`` on real locks: ``acquire()`` blocks the OS thread."""


@_on_real_locks
class BoundedSemaphore(_BoundedSemaphore, Semaphore):
    """``threading.BoundedSemaphore`` on real locks: ``acquire()`` blocks the OS thread."""


@_on_real_locks
class Barrier(_Barrier):
    """``threading.Barrier`` on real locks: ``wait()`` blocks the OS thread."""


# -- queues ----------------------------------------------------------------------------------------


@_on_real_locks
class Queue(_Queue[T]):
    """``queue.Queue`` on real locks: ``get()``, ``put()`` and ``join()`` block the OS thread."""


@_on_real_locks
class LifoQueue(_LifoQueue[T], Queue[T]):
    """``queue.LifoQueue`` on real locks, as Queue."""


@_on_real_locks
class PriorityQueue(_PriorityQueue[T], Queue[T]):  # type: ignore[type-var]  # as typeshed: items that compare
    """``queue.PriorityQueue`` on real locks, as Queue."""


class SimpleQueue(_SimpleQueue[T]):
    """``queue.SimpleQueue``, the original: ``get()`` blocks the OS thread."""
