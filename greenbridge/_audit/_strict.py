"""``strict=``: tell, once for each place, what held an event loop for too long."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, final
from weakref import WeakKeyDictionary

from .._errors import LoopHeldWarning
from .._hub import on_attach, on_self_start
from .._loops import on_begin
from ._watch import Watch, finish

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from .._hub import Hub
    from ._holds import Hold

#: asyncio's own limit for a callback in debug mode (loop.slow_callback_duration).
LIMIT_S: Final = 0.1
_LIMIT_MIN_S: Final = 0.01
_PLACES_MAX: Final = 1000  # a place more is not told of: the program has other troubles


@final
@dataclass(frozen=True, slots=True)
class Strict:
    """What ``strict=`` takes where a number of seconds does not say enough.

    Args:
        limit: seconds that an event loop may be held, 0.01 or more.
        report: called with a :class:`Hold` in the loop's thread, as a callback of the loop; None
            means a :class:`LoopHeldWarning`. What it raises goes to the loop's exception handler.
        every: report each hold; else only the first one at each place.

    Raises:
        ValueError: if *limit* is less than 0.01 or not a number.
    """

    limit: float = LIMIT_S
    report: Callable[[Hold], object] | None = None
    every: bool = False

    def __post_init__(self) -> None:
        if not self.limit >= _LIMIT_MIN_S:  # refuses NaN, too
            raise ValueError(
                f"strict= needs a limit of {_LIMIT_MIN_S} seconds or more, not {self.limit!r}. "
                f"Write strict=True for {LIMIT_S} seconds"
            )


_watches: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Watch]] = WeakKeyDictionary()


def as_strict(strict: bool | float | Strict) -> Strict | None:
    """What ``strict=`` means; None for False.

    Raises:
        ValueError: a limit of less than 0.01 seconds.
        TypeError: something else.
    """
    if isinstance(strict, Strict):
        return strict
    if isinstance(strict, bool):
        return Strict() if strict else None
    if isinstance(strict, (int, float)):
        return Strict(float(strict))
    raise TypeError(f"strict= takes True, seconds, or greenbridge.Strict(...), not {strict!r}")


def set_strict(loop: asyncio.AbstractEventLoop, strict: Strict | None) -> None:
    """Watch *loop* as *strict* says, in place of what it was watched for before."""
    before = _watches.pop(loop, None)
    if before is not None:
        before.stop()
    if strict is not None:
        watch = Watch(loop, strict.limit, partial(_tell, loop, strict, set()))
        _watches[loop] = watch
        watch.start()


def set_strict_everywhere(strict: Strict) -> None:
    """Watch every loop that runs from now on, unless it is watched already."""

    def look_at(loop: asyncio.AbstractEventLoop) -> None:
        if loop not in _watches and not loop.is_closed():
            set_strict(loop, strict)

    on_every_loop(look_at)


def on_every_loop(call: Callable[[asyncio.AbstractEventLoop], object]) -> None:
    """Have *call* called with each loop of a hub, and each that patched code begins to run."""

    def of_hub(hub: Hub) -> None:
        call(hub.loop)

    on_self_start.append(of_hub)
    on_attach.append(of_hub)
    on_begin.append(call)


def _tell(
    loop: asyncio.AbstractEventLoop, strict: Strict, told: set[tuple[str, int, str]], hold: Hold
) -> None:
    if not strict.every:
        if hold.where in told or len(told) >= _PLACES_MAX:
            return
        told.add(hold.where)
    try:
        # Not here: the watchdog is a thread that nobody knows of.
        loop.call_soon_threadsafe(strict.report or warn, hold)
    except RuntimeError:
        pass  # the loop is closed


def warn(hold: Hold) -> None:
    """Warn of *hold*, at its own place: filters by module and line find it there."""
    module = next(
        (
            name
            for name, found in list(sys.modules.items())
            if getattr(found, "__file__", None) == hold.file
        ),
        hold.file,
    )
    warnings.warn_explicit(LoopHeldWarning(str(hold)), None, hold.file, hold.line, module)


__all__ = ("LIMIT_S", "Strict", "as_strict", "finish", "on_every_loop", "set_strict", "warn")
