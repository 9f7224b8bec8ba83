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
import math
from typing import Any, ClassVar, Final

from .._idents import get_ident
from .._originals import monotonic
from .._waiting import parkable, sleep

__all__ = ("SemLock",)

_original: Final[Any] = _multiprocessing.SemLock

#: ``SemLock.kind`` of an RLock; multiprocessing/synchronize.py.
_RECURSIVE_MUTEX: Final = 0
#: Seconds before the second look, doubled until the longest; those of CPython's own emulation.
_FIRST_LOOK: Final = 0.001
_LONGEST: Final = 0.020


class SemLock(_original):  # type: ignore[misc]  # a class without types
    """``_multiprocessing.SemLock``: what Lock, RLock, Semaphore, Condition and Event are made of.

    On cancellation it was not acquired.
    https://docs.python.org/3/library/multiprocessing.html#synchronization-primitives
    """

    SEM_VALUE_MAX: ClassVar[int] = _original.SEM_VALUE_MAX

    _gb_owner: int | None = None  # of an RLock: the ident of the thread that has it
    _gb_depth: int = 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; others run meanwhile. False if it was not free, or not in time.

        Args:
            timeout: seconds; less than 0 is 0.
        """
        if self.kind != _RECURSIVE_MUTEX:
            return self._wait(block, timeout)
        me = get_ident()
        if self._gb_owner != me:
            if not self._wait(block, timeout):
                return False
            self._gb_owner = me
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
        return bool(super()._is_mine())

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
            return bool(super().acquire(block, timeout))
        if self._free():
            return True
        if not block:
            return False
        until = math.inf if timeout is None else monotonic() + max(timeout, 0.0)
        pause = _FIRST_LOOK
        while (left := until - monotonic()) > 0:
            sleep(min(pause, left))
            if self._free():
                return True
            pause = min(2 * pause, _LONGEST)
        return False
