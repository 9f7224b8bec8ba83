"""Waiting for the end of a thread: of a green one, or of a real one without holding the loop up."""

from __future__ import annotations

import _thread
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from .. import _originals
from .._idents import ident_of
from .._originals import monotonic
from .._spawn import current_green
from .._sync import Event, in_vain
from .._timers import NEVER
from .._waiting import parkable

if TYPE_CHECKING:
    from collections.abc import Callable

_joinable: Final[Any] = getattr(_thread, "start_joinable_thread", None)  # 3.13
_set_sentinel: Final[Any] = getattr(_thread, "_set_sentinel", None)  # before


@final
class Begun(Event):
    """``Thread._started`` of a real thread: ``start()`` waits for it natively, wherever it is.

    It takes as long as the OS takes to start the thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begun = _originals.allocate_lock()
        self._begun.acquire()

    def set(self) -> None:
        """The thread has begun; called by it, once."""
        super().set()
        self._begun.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for that; called by ``start()``."""
        if not self.is_set():
            self._begun.acquire()
        return True


@final
class Sentinel:
    """Stands for ``Thread._tstate_lock`` (before 3.13): it is held until its green thread ends.

    Whoever has it then gives it back at once.
    """

    __slots__ = ("__weakref__", "_given", "_lock", "green")

    def __init__(self, green: Any) -> None:
        self.green = green
        self._lock = _originals.allocate_lock()
        self._given = False  # it was given back before the end

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait for the end; False if it has not come."""
        green = self.green
        if blocking and timeout < 0 and green is current_green():
            return True  # takes it for itself; in the child of a fork that comes late
        if not blocking and not green.ready():  # is_alive()
            in_vain()
            return False
        if blocking and not green.ready():
            if green is current_green():  # threading's hook in the child of a fork
                return True
            green.join(None if timeout < 0 else timeout)
        return bool(green.ready()) and self._lock.acquire(blocking, timeout)

    def locked(self) -> bool:
        """Whether the thread lives."""
        return not (self.green.ready() or self._given) or self._lock.locked()

    def release(self) -> None:
        """Give it back.

        The child of a fork does so amid the green thread that forked, which is its main thread:
        ``threading._shutdown`` says that it has ended.
        """
        if self._lock.locked():
            self._lock.release()
        else:
            self._given = True

    def _at_fork_reinit(self) -> None:
        """Before the end nobody has it."""


@final
class GreenHandle:
    """Stands for ``_thread._ThreadHandle`` (3.13): what a green thread is joined with."""

    __slots__ = ("__weakref__", "green")

    def __init__(self, green: Any) -> None:
        self.green = green

    @property
    def ident(self) -> int:
        """The identifier of the thread."""
        return ident_of(self.green)

    def is_done(self) -> bool:
        """Whether the thread has ended; for ``is_alive()``."""
        if self.green.ready():
            return True
        in_vain()
        return False

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, *timeout* seconds at most (None or negative: without limit).

        Raises:
            RuntimeError: in the thread itself.
        """
        green = self.green
        if green.ready():
            return
        if green is current_green():
            raise RuntimeError("Cannot join current thread")
        green.join(None if timeout is None or timeout < 0 else timeout)

    def _set_done(self) -> None:
        """Only the main thread's handle is set so."""

    def __repr__(self) -> str:
        return f"<_thread._ThreadHandle object: ident={self.ident}>"


class _Watch:
    """An OS thread that waits for the end of another one, for all of green code."""

    __slots__ = ("_ended", "_gone", "_key")

    def __init__(self, key: int, wait: Callable[[], object]) -> None:
        self._ended = Event()
        self._key = key
        self._gone: Callable[[], bool] | None = None
        watching()  # forgets those that are gone, in case nobody else asks
        _watches[key] = self  # before the thread starts, which may be over at once
        try:
            self._gone = _start(partial(self._run, wait))
        except BaseException:
            del _watches[key]
            raise

    def _run(self, wait: Callable[[], object]) -> None:
        _counted.append(self)
        try:
            wait()
        finally:
            del _watches[self._key]
            self._ended.set()

    def is_gone(self) -> bool:
        """Whether the interpreter no longer counts the OS thread."""
        return self._gone is not None and self._gone()

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end; False after *timeout* seconds."""
        return self._ended.wait(timeout)


# By the identity of the lock or handle that is waited for, which lives as long as it is.
_watches: Final[dict[int, _Watch]] = {}
# Those whose OS threads the interpreter counts: they have begun, and have not ended.
_counted: Final[list[_Watch]] = []


def _start(function: Callable[[], object]) -> Callable[[], bool]:
    """Start an OS thread; what is returned tells whether it has ended."""
    if _joinable is not None:
        return _joinable(function, daemon=True).is_done  # type: ignore[no-any-return]
    ends: list[Any] = []

    def run() -> None:
        lock = _set_sentinel()
        lock.acquire()
        ends.append(lock)
        function()

    _originals.start_new_thread(run, ())
    return lambda: bool(ends) and ends[0].acquire(False)


def watching() -> int:
    """How many OS threads wait for the end of others, on behalf of green code."""
    for watch in _counted[:]:
        if watch.is_gone():
            with suppress(ValueError):  # another OS thread has counted, too
                _counted.remove(watch)
    return len(_counted)


def wait_for_native(thread: Any, timeout: float | None) -> float | None:
    """Wait greenly for the end of *thread*, if it is a real one; returns the seconds left.

    What remains for the original ``join`` to wait for is over, or the time is.
    """
    what = _native_end(thread)
    if what is None or not parkable():
        return timeout
    until = NEVER if timeout is None else monotonic() + timeout
    watch = _watches.get(id(what))
    if watch is None:
        wait = what.join if hasattr(what, "join") else partial(_acquire_and_release, what)
        watch = _Watch(id(what), wait)
    watch.wait(timeout)
    return None if timeout is None else max(0.0, until - monotonic())


def handle_name(thread: Any) -> str:
    """The attribute with the handle of a ``Thread`` (3.13), which was renamed on the way."""
    return "_os_thread_handle" if hasattr(thread, "_os_thread_handle") else "_handle"


def _native_end(thread: Any) -> Any:
    """What blocks until *thread* has ended; None if it has, or is no real one."""
    handle = getattr(thread, handle_name(thread), None)
    if handle is not None:
        return None if isinstance(handle, GreenHandle) or handle.is_done() else handle
    lock = getattr(thread, "_tstate_lock", None)
    return None if isinstance(lock, Sentinel) else lock


def _acquire_and_release(lock: Any) -> None:
    lock.acquire()
    lock.release()
