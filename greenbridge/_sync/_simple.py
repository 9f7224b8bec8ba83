"""SimpleQueue: the stdlib's C queue, and a permit for each item that is in it."""

from __future__ import annotations

import queue as _stdlib
from queue import Empty
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .._timers import NEVER
from ._lines import Permits, deadline_after
from ._tickets import give
from ._vain import in_vain

if TYPE_CHECKING:
    from ._tickets import Line

T = TypeVar("T")
_PERMIT: Final = None
_put_simple: Final[Any] = _stdlib.SimpleQueue.put
_get_simple: Final[Any] = _stdlib.SimpleQueue.get
_empty_simple: Final[Any] = _stdlib.SimpleQueue.empty


class SimpleQueue(Permits, _stdlib.SimpleQueue[T]):
    """``queue.SimpleQueue``: without limit and ``task_done``, and quicker than :class:`Queue`.

    ``put`` never waits, never lets others run and may interrupt any other operation.
    """

    __module__ = "greenbridge"

    def __init__(self) -> None:
        super().__init__()
        self._free: list[None] = []
        self._line: Line = []

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put *item* in; the other arguments are there for likeness with :meth:`Queue.put`."""
        _put_simple(self, item)
        line = self._line  # _pass_on(), written out
        if line and give(line):
            return
        self._free.append(_PERMIT)
        if line:
            self._settle()

    def put_nowait(self, item: T) -> None:
        """The same as :meth:`put`."""
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take the next item out. Arguments, errors and cancellation as of :meth:`Queue.get`."""
        deadline = NEVER if timeout is None or not block else _deadline(timeout)
        if self._free:
            try:
                self._free.pop()
            except IndexError:  # another OS thread was faster
                pass
            else:
                return _get_simple(self, False)  # type: ignore[no-any-return]
        if not block:
            in_vain()
            raise Empty
        if not self._stand(deadline):
            raise Empty
        return _get_simple(self, False)  # type: ignore[no-any-return]

    def empty(self) -> bool:
        """Whether there is no item now."""
        in_vain()
        return _empty_simple(self)  # type: ignore[no-any-return]

    def get_nowait(self) -> T:
        """Take the next item out, or raise Empty."""
        return self.get(False)

    async def get_async(self, timeout: float | None = None) -> T:
        """:meth:`get` in a coroutine."""
        deadline = NEVER if timeout is None else _deadline(timeout)
        if not self._take() and not await self._stand_async(deadline):
            raise Empty
        return _get_simple(self, False)  # type: ignore[no-any-return]

    async def put_async(self, item: T) -> None:
        """The same as :meth:`put`, for likeness with :meth:`Queue.put_async`."""
        self.put(item)


def _deadline(timeout: float) -> float:
    if timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return deadline_after(timeout)


__all__ = ("SimpleQueue",)
