"""What libraries that await from plain functions have in common: in green code that needs no help.

SQLAlchemy, awaitlet and greenback each have a greenlet of their own below the plain functions that
they call, and refuse to await where it is missing. A green thread or task can wait by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent

from .._await import await_
from .._portal import current_owner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ("can_wait", "waits_here")

T = TypeVar("T")


def can_wait() -> bool:
    """Whether the code that runs now is green, and in no greenlet that SQLAlchemy serves."""
    return not _is_served() and current_owner() is not None


def waits_here(awaitable: Awaitable[T], original: Callable[[Awaitable[T]], T]) -> T:
    """Await it here if that can be done, else do as *original*.

    On cancellation *awaitable* is cancelled, as by ``greenbridge.await_``.
    """
    return await_(awaitable) if can_wait() else original(awaitable)


def _is_served() -> bool:
    # The mark by which SQLAlchemy and awaitlet know a greenlet whose parent awaits for it:
    # https://github.com/sqlalchemy/sqlalchemy/blob/main/lib/sqlalchemy/util/concurrency.py
    own: Any = getcurrent()
    return bool(getattr(own, "__sqlalchemy_greenlet_provider__", False))
