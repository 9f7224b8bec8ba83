"""Semaphore and BoundedSemaphore."""

from __future__ import annotations

import threading as _stdlib
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from ._lines import Permits, deadline_after
from ._tickets import give
from ._vain import in_vain

if TYPE_CHECKING:
    from types import TracebackType

    from ._tickets import Line

_PERMIT: Final = None


class Semaphore(Permits, _stdlib.Semaphore):
    """``threading.Semaphore`` for green threads, green tasks, coroutines and native threads.

    Whoever has waited longest gets the next permit. ``release`` and ``acquire(blocking=False)``
    never wait: finalizers, signal handlers and loop callbacks may call them. A coroutine writes
    ``async with semaphore:`` or ``await semaphore.acquire_async()``.

    Args:
        value: how many permits there are at first.

    Raises:
        ValueError: if *value* is negative.
    """

    __module__ = "greenbridge"

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        # Permits are taken by pop(), which is one step. Those of the beginning come from an
        # iterator, for a million of them must not cost a million words.
        self._free: list[None] = []
        self._initial: Any = repeat(_PERMIT, value)
        self._line: Line = []

    @property
    def _value(self) -> int:  # type: ignore[override]  # the stdlib's keeps a number
        return len(self._free) + int(self._initial.__length_hint__())

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; False if that was not possible at once or in time.

        Args:
            blocking: False does not wait; in a green thread that has asked in vain for
                milliseconds, others run.
            timeout: in seconds; None waits without limit.

        Raises:
            ValueError: for a timeout without *blocking*.
            BlockingSwitchError: in a bare loop callback, if the wait could never end.

        On cancellation no permit is taken.
        """
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        if self._free:
            try:
                self._free.pop()
                return True
            except IndexError:  # another OS thread was faster
                pass
        if self._take():
            return True
        if blocking:
            return self._stand(deadline_after(timeout))
        in_vain()
        return False

    __enter__ = acquire

    async def acquire_async(self, timeout: float | None = None) -> bool:
        """:meth:`acquire` in a coroutine; False after *timeout* seconds."""
        return self._take() or await self._stand_async(deadline_after(timeout))

    def release(self, n: int = 1) -> None:
        """Give back *n* permits, first to those who have waited longest.

        Raises:
            ValueError: if *n* is less than one.
        """
        if n < 1:
            raise ValueError("n must be one or more")
        if n == 1:
            self._pass_on()
            return
        while n > 0 and self._line and give(self._line):
            n -= 1
        self._free.extend([_PERMIT] * n)
        if self._line:
            self._settle()

    def _take(self) -> bool:
        return super()._take() or next(self._initial, self) is not self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    async def __aenter__(self) -> bool:
        return await self.acquire_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: value={self._value}>"


class BoundedSemaphore(Semaphore, _stdlib.BoundedSemaphore):
    """A :class:`Semaphore` that refuses to be released more often than it was acquired."""

    __module__ = "greenbridge"

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._initial_value = value

    def release(self, n: int = 1) -> None:
        """Give back *n* permits, first to those who have waited longest.

        Raises:
            ValueError: if *n* is less than one, or there would be more than at the beginning.
        """
        if n < 1:
            raise ValueError("n must be one or more")
        if self._value + n > self._initial_value:
            raise ValueError("Semaphore released too many times")
        super().release(n)

    def __repr__(self) -> str:
        cls = type(self)
        return (
            f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: "
            f"value={self._value}/{self._initial_value}>"
        )


__all__ = ("BoundedSemaphore", "Semaphore")
