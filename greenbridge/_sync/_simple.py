"""SimpleQueue: the stdlib's C queue, and a semaphore that counts what is in it."""

from __future__ import annotations

import queue as _stdlib
from queue import Empty
from typing import Any, Final, TypeVar

from ._semaphores import Semaphore

T = TypeVar("T")
_put_simple: Final[Any] = _stdlib.SimpleQueue.put
_get_simple: Final[Any] = _stdlib.SimpleQueue.get


class SimpleQueue(_stdlib.SimpleQueue[T]):
    """``queue.SimpleQueue``: without limit and ``task_done``, and quicker than :class:`Queue`.

    ``put`` never waits, never lets others run and may interrupt any other operation.
    """

    __module__ = "greenbridge"

    def __init__(self) -> None:
        super().__init__()
        self._ready = Semaphore(0)

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put *item* in; the other arguments are there for likeness with :meth:`Queue.put`."""
        _put_simple(self, item)
        self._ready.release()

    def put_nowait(self, item: T) -> None:
        """The same as :meth:`put`."""
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take the next item out. Arguments, errors and cancellation as of :meth:`Queue.get`."""
        if timeout is not None and block and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if not self._ready.acquire(block, timeout if block else None):
            raise Empty
        return _get_simple(self, False)  # type: ignore[no-any-return]

    def get_nowait(self) -> T:
        """Take the next item out, or raise Empty."""
        return self.get(False)

    async def get_async(self, timeout: float | None = None) -> T:
        """:meth:`get` in a coroutine."""
        if timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if not await self._ready.acquire_async(timeout):
            raise Empty
        return _get_simple(self, False)  # type: ignore[no-any-return]

    async def put_async(self, item: T) -> None:
        """The same as :meth:`put`, for likeness with :meth:`Queue.put_async`."""
        self.put(item)


__all__ = ("SimpleQueue",)
