"""greenback: green code needs none of its portals.

A portal is made by writing another coroutine into a live Task, which costs something at each of its
steps from then on. A green Task does not get one.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, TypeVar

from .._tasks import GreenCoro
from ._await_there import can_wait, waits_here

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ("await_", "bestow_portal", "ensure_portal", "has_portal")

T = TypeVar("T")

_its: Any = importlib.import_module("greenback._impl")
_await: Any = _its.await_
_bestow_portal: Any = _its.bestow_portal
_ensure_portal: Any = _its.ensure_portal
_has_portal: Any = _its.has_portal


def await_(aw: Awaitable[T]) -> T:
    """``greenback.await_``, in green code without a portal. On cancellation *aw* is cancelled."""
    return waits_here(aw, _await)


async def ensure_portal() -> None:
    """``greenback.ensure_portal``; in green code only its ``sleep(0)``."""
    if can_wait():
        await asyncio.sleep(0)
    else:
        await _ensure_portal()


def bestow_portal(task: Any) -> None:
    """``greenback.bestow_portal``; a green Task needs none."""
    if not _is_green(task):
        _bestow_portal(task)


def has_portal(task: Any = None) -> bool:
    """``greenback.has_portal``: whether plain functions in *task* can await."""
    if task is None:
        return can_wait() or bool(_has_portal())
    return _is_green(task) or bool(_has_portal(task))


def _is_green(task: Any) -> bool:
    return isinstance(task, asyncio.Task) and isinstance(task.get_coro(), GreenCoro)
