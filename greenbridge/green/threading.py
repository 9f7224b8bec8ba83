"""Stand-ins for ``threading``: its Python classes stay, on what a thread and a lock are here."""

from __future__ import annotations

import sys
import threading as _stdlib
from typing import TYPE_CHECKING, Any, Final

from .._errors import GreenExit
from .._idents import get_ident, ident_of
from .._main import is_main
from .._originals import get_ident as native_ident
from .._spawn import current_green
from .._sync import Barrier as Barrier
from .._sync import BoundedSemaphore as BoundedSemaphore
from .._sync import Condition as Condition
from .._sync import Event as Event
from .._sync import Semaphore as Semaphore
from .._threads import GreenThread
from ._ends import GreenHandle, Sentinel, handle_name, wait_for_native
from ._local import local
from .thread import announce, waited_for

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Barrier", "BoundedSemaphore", "Condition", "Event", "Semaphore", "join")

_threading: Final[Any] = _stdlib  # with its private names
_join: Final = _stdlib.Thread.join
_set_tstate_lock: Final[Any] = getattr(_stdlib.Thread, "_set_tstate_lock", None)
_get_main_thread_ident: Final[Any] = getattr(_stdlib, "_get_main_thread_ident", None)
_shutdown: Final[Callable[[], None]] = _threading._shutdown
_thread_shutdown: Final[Any] = getattr(_stdlib, "_thread_shutdown", None)
_make_hook: Final[Any] = _threading._make_invoke_excepthook


def join(self: _stdlib.Thread, timeout: float | None = None) -> None:
    """``Thread.join``: wait until the thread has ended; others run meanwhile.

    A real thread is waited for by another OS thread, on behalf of green code.
    https://docs.python.org/3/library/threading.html#threading.Thread.join

    Raises:
        RuntimeError: if it has not been started, or is the current thread.
        BlockingSwitchError: in a bare loop callback or coroutine, where this could never end.

    On cancellation of the caller the thread runs on.
    """
    if self.is_alive() and self is not _stdlib.current_thread():
        timeout = wait_for_native(self, None if timeout is None else max(timeout, 0))
    _join(self, timeout)


def set_tstate_lock(self: Any) -> None:
    """``Thread._set_tstate_lock`` (before 3.13): a green thread has it from its start."""
    if type(self._tstate_lock) is not Sentinel:
        _set_tstate_lock(self)


def get_main_thread_ident() -> int:
    """``threading._get_main_thread_ident`` (3.13): asked for after a fork, by who forked."""
    return get_ident() if is_main(native_ident()) else _get_main_thread_ident()


# -- what nobody catches ---------------------------------------------------------------------------


_invoke: Final[Callable[[_stdlib.Thread], None]] = _make_hook()


def make_invoke_excepthook() -> Callable[[_stdlib.Thread], None]:
    """``threading._make_invoke_excepthook``: one function for all, where each had its own."""
    return _invoke_excepthook


def _invoke_excepthook(thread: _stdlib.Thread) -> None:
    if not isinstance(sys.exc_info()[1], GreenExit):  # killed, which is no error
        _invoke(thread)


# -- the end of the program ------------------------------------------------------------------------


def _join_all() -> None:
    """Wait for every thread that is no daemon, of whichever kind."""
    while True:
        me = _stdlib.current_thread()
        waiting = [
            thread
            for thread in _stdlib.enumerate()
            if not (thread.daemon or thread is me or thread is _stdlib.main_thread())
            and thread.is_alive()
        ]
        for thread in waiting:
            thread.join()
        for green in list(waited_for):
            green.join()
        if not waiting and not waited_for:
            return


class _Everybody:
    """Stands among the locks that ``_shutdown`` waits for (before 3.13), for all threads."""

    def acquire(self) -> bool:
        _join_all()
        return True

    def release(self) -> None:
        """Nothing is held."""

    def locked(self) -> bool:
        return True


def shutdown() -> None:
    """``threading._shutdown``: the program ends when all its threads have, green ones too."""
    if _thread_shutdown is None:
        with _threading._shutdown_locks_lock:
            _threading._shutdown_locks.clear()
            _threading._shutdown_locks.add(_Everybody())
    _shutdown()


def thread_shutdown() -> None:
    """``threading._thread_shutdown`` (3.13): what ``_shutdown`` waits with."""
    _join_all()
    _thread_shutdown()


# -- threads that were not made here ---------------------------------------------------------------


class _Forget:
    """Takes a dummy thread out of ``threading.enumerate()`` at the end of its green thread."""

    __slots__ = ("_thread",)

    def __init__(self, thread: Any) -> None:
        self._thread = thread

    def __del__(self) -> None:
        active = _threading._active
        if active.get(self._thread.ident) is self._thread:
            active.pop(self._thread.ident, None)


_forget: Final[Any] = local()


class _DummyThread(_threading._DummyThread):  # type: ignore[misc]  # private: Any
    """What ``current_thread()`` gives in a green thread of ``greenbridge.spawn``."""

    def __init__(self) -> None:
        green: Any = current_green()
        if not isinstance(green, GreenThread):
            super().__init__()
            return
        name = _threading._newname("Dummy-%d")
        _stdlib.Thread.__init__(self, name=name, daemon=True)
        if _thread_shutdown is not None:
            setattr(self, handle_name(self), GreenHandle(green))
        announce(self, ident_of(green))
        with _threading._active_limbo_lock:
            _threading._active[ident_of(green)] = self
        _forget.thread = _Forget(self)
