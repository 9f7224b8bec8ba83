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
from os import getpid
from typing import TYPE_CHECKING, Any, Final, final

from .. import _originals
from .._amid import Amid
from .._hub import _local
from .._interrupts import CtrlC
from .._portal import current_owner
from .._threads import GreenThread

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .._hub import Hub

    _Handler = Callable[[int, FrameType | None], Any] | int | _stdlib.Handlers | None

__all__ = ("getsignal", "set_wakeup_fd", "signal")

_signal: Final = _originals.signal_signal
_getsignal: Final = _originals.signal_getsignal
_set_wakeup_fd: Final = _originals.signal_set_wakeup_fd

# What the hub's loop is woken by, while a loop nested in the main program has its place.
_lent: tuple[Hub, int] | None = None


@final
class _Guard:
    """A handler as the interpreter calls it."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self.handler = handler

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        try:
            with Amid("a signal handler"):
                self.handler(signum, frame)
        except BaseException as error:  # carried over to the main program
            if not _handed_over(error):
                raise
        hub = _local.hub
        if hub is not None and hub.ready:
            # What it has spawned or woken: the loop may sleep, and goes on sleeping.
            hub.call_threadsafe(_nothing)


def _nothing() -> None:
    """Called back when all that there is to do is to wake up."""


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


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """Set the descriptor that the interpreter writes to at a signal, -1 for none; the one before.

    asyncio's loops do so in ``add_signal_handler``. A loop that is nested in the main program
    borrows the place of the hub's, which gets it back with -1.
    https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd

    Raises:
        ValueError: in a green thread, as in any thread but the main one.
    """
    global _lent
    owner = current_owner()
    if owner is not None and owner.hub.pid != getpid():  # asyncio's hook, in the child of a fork
        _lent = None
        return _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    if isinstance(owner, GreenThread):
        raise ValueError("set_wakeup_fd only works in main thread of the main interpreter")
    hub = None if owner is None else owner.hub
    if hub is None or owner is not hub.root:
        return _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    if fd == -1 and _lent is not None:
        (lender, back), _lent = _lent, None
        if lender is hub:
            return _set_wakeup_fd(back, warn_on_full_buffer=False)
    before = _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    if _lent is None and before != -1:
        _lent = (hub, before)
    return before


def _shown(handler: Any) -> _Handler:
    shown: _Handler = handler.handler if type(handler) in (_Guard, CtrlC) else handler
    return shown
