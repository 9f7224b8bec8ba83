"""SQLAlchemy: engines and sessions that are not asyncio's run asyncio's drivers in green code.

What a driver like asyncpg is asked for is awaited in the function ``await_`` (in 2.0:
``await_only`` and ``await_fallback``), which raises MissingGreenlet unless an ``AsyncSession`` or
``AsyncEngine`` has made the call.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, TypeVar

from ._await_there import can_wait, waits_here

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ("await_fallback", "await_only", "in_greenlet")

T = TypeVar("T")

_its: Any = importlib.import_module("sqlalchemy.util.concurrency")
_await_only: Any = _its.await_only
_await_fallback: Any = getattr(_its, "await_fallback", _await_only)  # gone in 2.1
_in_greenlet: Any = _its.in_greenlet


def await_only(awaitable: Awaitable[T]) -> T:
    """``sqlalchemy.util.await_only``, in green code as well.

    On cancellation *awaitable* is cancelled; a connection that it used is no longer usable.
    """
    return waits_here(awaitable, _await_only)


def await_fallback(awaitable: Awaitable[T]) -> T:
    """``sqlalchemy.util.await_fallback`` of SQLAlchemy 2.0, in green code as well.

    On cancellation *awaitable* is cancelled.
    """
    return waits_here(awaitable, _await_fallback)


def in_greenlet() -> bool:
    """Whether something can be awaited here: then a connection is closed, and not cut off."""
    return bool(_in_greenlet()) or can_wait()
