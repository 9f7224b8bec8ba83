"""Small bridges: async iterators and context managers in sync code; blocks that never switch."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from greenlet import getcurrent

from ._await import await_
from ._errors import NotAwaitableError
from ._portal import current_owner
from ._tasks import runner_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator
    from types import TracebackType

T = TypeVar("T")


def iterate(async_iterable: AsyncIterable[T]) -> Iterator[T]:
    """``for x in iterate(ait):`` in sync code, as ``async for x in ait:`` in a coroutine.

    Each step waits as :func:`await_` does, with the same errors. If the loop is left early, an
    async generator is closed when this iterator is.

    Raises:
        NotAwaitableError: if *async_iterable* has no ``__aiter__``.
    """
    if not hasattr(type(async_iterable), "__aiter__"):
        raise NotAwaitableError(
            f"iterate() needs an async iterable, but got {async_iterable!r}. An ordinary iterable "
            "needs no iterate(); an async generator function has to be called first"
        )
    return _steps(async_iterable)


def _steps(async_iterable: AsyncIterable[T]) -> Iterator[T]:
    iterator = type(async_iterable).__aiter__(async_iterable)
    try:
        while True:
            try:
                item = await_(type(iterator).__anext__(iterator))
            except StopAsyncIteration:
                return
            yield item
    finally:
        # Dropped outside green code, the generator is left to the hooks of its loop, as it is in
        # a coroutine. What is no generator is not ours to close: a stream may be read on.
        if isinstance(iterator, AsyncGenerator) and current_owner() is not None:
            await_(iterator.aclose())


@final
class entered(Generic[T]):  # reads as a statement: with entered(...)
    """``with entered(acm) as x:`` in sync code, as ``async with acm as x:`` in a coroutine.

    Entering and leaving wait as :func:`await_` does, with the same errors.

    Raises:
        NotAwaitableError: if *manager* is no async context manager.
    """

    __slots__ = ("_manager",)

    def __init__(self, manager: AbstractAsyncContextManager[T, Any]) -> None:
        if not hasattr(type(manager), "__aenter__") or not hasattr(type(manager), "__aexit__"):
            raise NotAwaitableError(
                f"entered() needs an async context manager, but got {manager!r}. "
                "An ordinary one needs no entered(): write 'with manager:'"
            )
        self._manager = manager

    def __enter__(self) -> T:
        return await_(type(self._manager).__aenter__(self._manager))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        manager = self._manager
        return bool(await_(type(manager).__aexit__(manager, kind, value, traceback)))


@contextmanager
def no_switch(why: str = "") -> Iterator[None]:
    """A block in which no other green code runs: whatever would park raises instead.

    Args:
        why: what the block protects; part of the error's text.

    Raises:
        SwitchForbiddenError: at the call that would park. The block is left by it, so nothing
            half done goes unnoticed.

    Outside green code it does nothing. An ``await`` in a coroutine is not refused: the reader can
    see it.
    """
    owner = current_owner()
    if owner is None:
        yield
        return
    hub = owner.hub
    runs = runner_of(getcurrent())
    frame = sys._getframe(2)  # below contextlib's, which has called this
    text = (
        f"a call had to wait inside no_switch({why!r}) at {frame.f_code.co_filename}:"
        f"{frame.f_lineno}: other green code would run in the middle of that block. Move the call "
        "out of it, or protect the data with a lock instead."
    )
    before = hub.forbidden and hub.forbidden.get(runs)
    hub.forbidden = {**(hub.forbidden or {}), runs: text}
    try:
        yield
    finally:
        # Others may be in such a block as well, if this one belongs to a coroutine that awaited.
        rest = {who: why for who, why in (hub.forbidden or {}).items() if who is not runs}
        if before:
            rest[runs] = before
        hub.forbidden = rest or None
