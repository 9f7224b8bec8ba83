"""Waiting for the end of a thread: of a green one, or of a real one without holding the loop up."""

from __future__ import annotations

import os
from _queue import Empty, SimpleQueue
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

# Seconds after which a helper without work ends (a guess).
_IDLE_S: Final = 60.0


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
    """Somebody waits for the end of an OS thread, for all of green code."""

    __slots__ = ("_ended", "_key", "_wait")

    def __init__(self, key: int, wait: Callable[[], object]) -> None:
        self._ended = Event()
        self._key = key
        self._wait = wait
        _watches[key] = self  # before it begins, since it may be over at once
        try:
            _begin(self)
        except BaseException:
            del _watches[key]
            raise

    def run(self, helper: _Helper | None = None) -> None:
        """Wait, in an OS thread: that of *helper*, which has nothing to do after it."""
        try:
            self._wait()
        finally:
            del _watches[self._key]
            if helper is not None:
                _idle.append(helper)
            self._ended.set()

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end; False after *timeout* seconds."""
        return self._ended.wait(timeout)


class _Helper:
    """An OS thread that waits for the ends of others, one after the other.

    It is kept for a while: the interpreter counts a thread until its very end, which nobody can
    see, so a count without those that come and go all the time would be wrong now and then.
    """

    __slots__ = ("_jobs",)

    def __init__(self, first: _Watch) -> None:
        self._jobs: SimpleQueue[_Watch] = SimpleQueue()
        self._jobs.put(first)
        _originals.start_new_thread(self._run, ())

    def take(self, watch: _Watch) -> None:
        """Wait for this one next."""
        self._jobs.put(watch)

    def _run(self) -> None:
        _helpers.append(self)
        while True:
            try:
                watch = self._jobs.get(timeout=_IDLE_S)
            except Empty:
                try:
                    _idle.remove(self)
                except ValueError:  # somebody has work for it just now
                    continue
                break
            watch.run(self)
            del watch
        _helpers.remove(self)


def _begin(watch: _Watch) -> None:
    try:
        helper = _idle.pop()
    except IndexError:
        _Helper(watch)
    else:
        helper.take(watch)


# By the identity of the lock or handle that is waited for, which lives as long as it is.
_watches: Final[dict[int, _Watch]] = {}
# Those that the interpreter counts, and those of them that have nothing to do.
_helpers: Final[list[_Helper]] = []
_idle: Final[list[_Helper]] = []
if hasattr(os, "register_at_fork"):
    # The interpreter goes on counting those that there are not in the child.
    os.register_at_fork(after_in_child=_idle.clear)
    os.register_at_fork(after_in_child=_watches.clear)


def watching() -> int:
    """How many OS threads wait for the end of others, on behalf of green code."""
    return len(_helpers)


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
