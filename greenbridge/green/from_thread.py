"""Stand-ins for ``anyio.from_thread``: calls into the loop, from green threads as well.

anyio knows its own worker threads only. A green thread is in the thread of its loop already, so
there it is a matter of awaiting.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anyio.from_thread import run as _original_run
from anyio.from_thread import run_sync as _original_run_sync

from .._await import await_
from .._portal import current_owner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_run: Final[Any] = _original_run  # Any: its parameters depend on the version of anyio
_run_sync: Final[Any] = _original_run_sync


def run(func: Callable[..., Awaitable[T]], *args: Any, token: Any = None) -> T:
    """As ``anyio.from_thread.run``; in a green thread it awaits there.

    https://anyio.readthedocs.io/en/stable/api.html#anyio.from_thread.run
    """
    if token is None and current_owner() is not None:
        return await_(func(*args))
    options = {} if token is None else {"token": token}  # since anyio 4.11
    return _run(func, *args, **options)  # type: ignore[no-any-return]


def run_sync(func: Callable[..., T], *args: Any, token: Any = None) -> T:
    """As ``anyio.from_thread.run_sync``; a green thread is in the loop's thread already.

    *func* is called where the loop is visible. https://anyio.readthedocs.io/en/stable/threads.html
    """
    if token is None and current_owner() is not None:
        return await_(_call(partial(func, *args)))
    options = {} if token is None else {"token": token}
    return _run_sync(func, *args, **options)  # type: ignore[no-any-return]


async def _call(func: Callable[[], T]) -> T:
    return func()
