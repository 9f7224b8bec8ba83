"""awaitlet: ``awaitlet()`` in green code, without an ``async_def()`` around it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, TypeVar

from ._await_there import waits_here

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ("awaitlet",)

T = TypeVar("T")

_awaitlet: Any = importlib.import_module("awaitlet.base").awaitlet


def awaitlet(awaitable: Awaitable[T]) -> T:
    """``awaitlet.awaitlet``, in green code as well. On cancellation *awaitable* is cancelled."""
    return waits_here(awaitable, _awaitlet)
