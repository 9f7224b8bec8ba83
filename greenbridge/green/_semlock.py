"""The semaphore of ``multiprocessing``, whose waits park.

A semaphore that processes share has no descriptor that the loop could watch, and no thread of its
own. So green code asks for it again and again, at growing intervals, as CPython itself does where
the system has no ``sem_timedwait`` (Modules/_multiprocessing/semaphore.c). The way not taken: a
real thread that waits on its behalf. It cannot be cancelled, and would take the semaphore later,
for nobody.

``RLock`` is owned by a thread. The original knows OS threads only, in which all green threads would
be one, so who has it and how often is noted here, and of the original it is acquired once.
"""

from __future__ import annotations

import _multiprocessing  # type: ignore[import-not-found]  # not in typeshed
from typing import Any, ClassVar, Final

from .._errors import BlockingSwitchError
from .._idents import get_ident
from .._originals import get_ident as os_thread
from .._waiting import parkable
from ._again import Again

__all__ = ("SemLock",)

_original: Final[Any] = _multiprocessing.SemLock

#: ``SemLock.kind`` of an RLock; multiprocessing/synchronize.py.
_RECURSIVE_MUTEX: Final = 0


class SemLock(_original):  # type: ignore[misc]  # a class without types
    """``_multiprocessing.SemLock``: what Lock, RLock, Semaphore, Condition and Event are made of.

    On cancellation it was not acquired.
    https://docs.python.org/3/library/multiprocessing.html#synchronization-primitives
    """

    SEM_VALUE_MAX: ClassVar[int] = _original.SEM_VALUE_MAX

    _gb_owner: int | None = None  # of an RLock: the ident of the thread that has it
    _gb_os_thread: int | None = None  # in which that runs
    _gb_last: int | None = None  # of all others: the thread that has acquired it last
    _gb_depth: int = 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; others run meanwhile. False if it was not free, or not in time.

        Args:
            timeout: seconds; less than 0 is 0.

        Raises:
            BlockingSwitchError: in a bare loop callback, if the wait could never end.
        """
        me = get_ident()
        if self.kind != _RECURSIVE_MUTEX:
            if not self._wait(block, timeout):
                return False
            self._gb_last = me
            return True
        if self._gb_owner != me:
            if not self._wait(block, timeout):
                return False
            self._gb_owner, self._gb_os_thread = me, os_thread()
        self._gb_depth += 1
        return True

    def release(self) -> None:
        """Give it back.

        Raises:
            AssertionError: if it is an RLock of another thread.
            ValueError: if it was not acquired.
        """
        if self.kind == _RECURSIVE_MUTEX:
            if self._gb_owner != get_ident():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._gb_depth > 1:
                self._gb_depth -= 1
                return
            self._gb_owner, self._gb_depth = None, 0
        super().release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    def _is_mine(self) -> bool:
        if self.kind == _RECURSIVE_MUTEX:
            return self._gb_owner == get_ident()
        return self._gb_last == get_ident() and int(super()._count()) > 0

    def _count(self) -> int:
        return self._gb_depth if self.kind == _RECURSIVE_MUTEX else int(super()._count())

    def _after_fork(self) -> None:
        self._gb_owner, self._gb_depth = None, 0
        super()._after_fork()

    def _free(self) -> bool:
        """Take the original if it is free; one that a green thread beside has is not."""
        return self._gb_owner is None and bool(super().acquire(False))

    def _wait(self, block: bool, timeout: float | None) -> bool:
        if not parkable():
            if self._gb_owner is None or self._gb_os_thread != os_thread():
                return bool(super().acquire(block, timeout))
            # C would take the caller for the green thread that has it: both are in one OS thread.
            if block and timeout is None:
                raise BlockingSwitchError(
                    f"{self!r} was waited for where nothing can park (a callback of the loop, or "
                    "a coroutine that is no green task), and a green thread of this loop has it. "
                    "Take it with acquire(False), or spawn() the code"
                )
            return False
        if self._free():
            return True
        if not block:
            return False
        again = Again(None if timeout is None else max(timeout, 0.0))
        while again.pause():
            if self._free():
                return True
        return False
