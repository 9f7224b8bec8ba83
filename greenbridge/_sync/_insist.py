"""Take a lock back after a wait, whatever interrupts that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from .._delivery import ITSELF
from .._errors import GreenbridgeError, GreenExit
from .._portal import current_owner

if TYPE_CHECKING:
    from collections.abc import Callable

# How often a lock that must be taken is tried again after interruptions (a guess): each of them
# is somebody's kill or timeout, and there are not that many.
_INSIST_MAX: Final = 100


def insist(
    acquire: Callable[[Any], object], argument: object, before: BaseException | None
) -> None:
    """Take a lock with ``acquire(argument)`` that the caller must hold when it goes on.

    What interrupts it meanwhile is raised afterwards, unless *before* is on its way already; then
    it is raised at the caller's next wait. A cancellation takes precedence.
    """
    late: list[BaseException] = []
    while True:
        try:
            acquire(argument)
            break
        except GreenbridgeError:
            raise  # nothing can wait here any more
        except BaseException as exc:
            late.append(exc)
            if len(late) > _INSIST_MAX:
                raise
    if late:
        _raise_late(late, before)


def _rank(exc: BaseException) -> int:
    if isinstance(exc, KeyboardInterrupt):
        return 0
    if isinstance(exc, asyncio.CancelledError):
        return 1
    return 2 if isinstance(exc, GreenExit) else 3


def _raise_late(late: list[BaseException], before: BaseException | None) -> None:
    first = min(late, key=_rank)
    owner = current_owner()
    rest = [exc for exc in late if exc is not first]
    if before is not None and not isinstance(first, (KeyboardInterrupt, asyncio.CancelledError)):
        rest.insert(0, first)
        first = before
    for exc in rest:
        if owner is not None and not isinstance(exc, asyncio.CancelledError):
            owner.interrupt(exc, ITSELF)
    if first is not before:
        raise first


__all__ = ("insist",)
