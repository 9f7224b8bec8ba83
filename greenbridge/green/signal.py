"""Stand-ins for ``signal.signal`` and ``getsignal``: a handler raises in the main program.

Theory of operation. CPython runs a handler between two bytecodes of the main OS thread, in
whatever runs there: in plain Python that is the main program, here it may be the loop, a callback
of the hub, or some green thread. So a handler is installed inside a :class:`_Guard`. What it raises
while the main program is parked is raised where the main program waits, as it would be if
the others were OS threads; and the hub is never left half-way through its work.

``signal.default_int_handler`` stays as it is: Ctrl-C must also end a green thread that computes
without a pause, in which the main program would never get its turn.
"""

from __future__ import annotations

import signal as _stdlib
from typing import TYPE_CHECKING, Any, Final, final

from .. import _originals
from .._hub import _local
from .._interrupts import CtrlC
from .._portal import current_owner
from .._threads import GreenThread

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    _Handler = Callable[[int, FrameType | None], Any] | int | _stdlib.Handlers | None

__all__ = ("getsignal", "signal")

_signal: Final = _originals.signal_signal
_getsignal: Final = _originals.signal_getsignal


@final
class _Guard:
    """A handler as the interpreter calls it."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self.handler = handler

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        try:
            self.handler(signum, frame)
        except BaseException as error:  # carried over to the main program
            if not _handed_over(error):
                raise


def _handed_over(error: BaseException) -> bool:
    """Whether *error* will be raised in the main program, instead of here."""
    hub = _local.hub
    if hub is None or hub.closed or hub.root is None:
        return False
    owner = current_owner()
    if owner is not None and not isinstance(owner, GreenThread):
        return False  # the main program itself; or a Task, in which asyncio raises it, too
    # Not at once: the handler may have interrupted the hub anywhere. And the loop must wake up.
    hub.call_threadsafe(hub.root.interrupt, error)
    return True


def signal(signalnum: int, handler: _Handler) -> _Handler:
    """Set the handler of a signal; the one before. https://docs.python.org/3/library/signal.html

    What *handler* raises is raised in the main program: where it is, or where it waits.

    Raises:
        ValueError: not in the main OS thread, or no such signal.
        TypeError: *handler* is neither callable nor SIG_IGN or SIG_DFL.
    """
    if callable(handler) and handler is not _stdlib.default_int_handler:
        handler = _Guard(handler)
    return _shown(_signal(signalnum, handler))


def getsignal(signalnum: int) -> _Handler:
    """The handler that was set, SIG_IGN, SIG_DFL, or None if it was not set from Python."""
    return _shown(_getsignal(signalnum))


def _shown(handler: Any) -> _Handler:
    shown: _Handler = handler.handler if type(handler) in (_Guard, CtrlC) else handler
    return shown
