"""Stand-ins for ``signal``: a handler raises in the main program; waits for signals park.

Theory of operation. CPython runs a handler between two bytecodes of the main OS thread, in
whatever runs there: in plain Python that is the main program, here it may be the loop, a callback
of the hub, or some green thread. So a handler is installed inside a :class:`_Guard`. What it raises
while the main program is parked is raised where the main program waits, as it would be if
the others were OS threads; and the hub is never left half-way through its work.

``signal.default_int_handler`` stays as it is: Ctrl-C must also end a green thread that computes
without a pause, in which the main program would never get its turn.
"""

from __future__ import annotations

import asyncio
import signal as _stdlib
from contextlib import suppress
from functools import partial
from os import getpid
from typing import TYPE_CHECKING, Any, Final, final

from greenlet import getcurrent

from .. import _originals
from .._amid import Amid
from .._hub import _local, on_self_start
from .._idents import HANDLERS, os_ident
from .._interrupts import CtrlC, guard
from .._main import is_main
from .._originals import get_ident
from .._portal import current_owner
from .._sync import Event
from .._threads import GreenThread
from .._waiting import parkable, stalling
from ._sigwait import Catcher
from ._sigwait import sigtimedwait as sigtimedwait
from ._sigwait import sigwait as sigwait
from ._sigwait import sigwaitinfo as sigwaitinfo

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .._hub import Hub

    _Handler = Callable[[int, FrameType | None], Any] | int | _stdlib.Handlers | None

__all__ = (
    "getsignal",
    "pause",
    "pthread_kill",
    "set_wakeup_fd",
    "signal",
    "sigtimedwait",
    "sigwait",
    "sigwaitinfo",
)

_signal: Final = _originals.signal_signal
_getsignal: Final = _originals.signal_getsignal
_set_wakeup_fd: Final = _originals.signal_set_wakeup_fd
_pthread_kill: Final[Any] = getattr(_stdlib, "pthread_kill", None)

# What the hub's loop is woken by, while a loop nested in the main program has its place.
_lent: tuple[Hub, int] | None = None
# What a loop of the program's had there when the hub's loop began, until the program sets another.
_displaced = -1


@final
class _Guard:
    """A handler as the interpreter calls it."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self.handler = handler

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        own = getcurrent()
        outermost = own not in HANDLERS
        HANDLERS.add(own)
        try:
            with Amid("a signal handler"):
                self.handler(signum, frame)
        except BaseException as error:  # carried over to the main program
            if not _handed_over(error):
                raise
            # The main program's pause() ends with it, and must not return before.
            _end_pauses(everybody=False)
        else:
            _end_pauses(everybody=True)
        finally:
            if outermost:
                HANDLERS.discard(own)
        hub = _local.hub
        if hub is not None and hub.ready:
            # What it has spawned or woken: the loop may sleep, and goes on sleeping.
            hub.call_threadsafe(_nothing)


def _nothing() -> None:
    """Called back when all that there is to do is to wake up."""


@final
class _Pause:
    """One pause()."""

    __slots__ = ("event", "in_thread")

    def __init__(self) -> None:
        self.event = Event()
        self.in_thread = isinstance(current_owner(), GreenThread)


_pausing: Final[list[_Pause]] = []


def _end_pauses(*, everybody: bool) -> None:
    for wait in _pausing:
        if everybody or wait.in_thread:
            wait.event.set()


_OURS: Final = (_Guard, Catcher, CtrlC)


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
    default = handler is _stdlib.default_int_handler
    before = _signal(signalnum, _Guard(handler) if callable(handler) and not default else handler)
    hub = _local.hub if default and signalnum == _stdlib.SIGINT else None
    if hub is not None and hub.owned and not hub.closed:
        guard(hub)
    return _shown(before)


def getsignal(signalnum: int) -> _Handler:
    """The handler that was set, SIG_IGN, SIG_DFL, or None if it was not set from Python."""
    return _shown(_getsignal(signalnum))


def pthread_kill(thread_id: int, signalnum: int, /) -> None:
    """Send a signal to a thread; one for a green thread goes to the OS thread that it runs in.

    https://docs.python.org/3/library/signal.html#signal.pthread_kill
    """
    _pthread_kill(os_ident(thread_id), signalnum)


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """Set the descriptor that the interpreter writes to at a signal, -1 for none; the one before.

    asyncio's loops do so in ``add_signal_handler``. A loop that is nested in the main program
    borrows the place of the hub's, which gets it back with -1.
    https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd

    Raises:
        ValueError: in a green thread, as in any thread but the main one.
    """
    global _displaced, _lent
    owner = current_owner()
    if owner is not None and owner.hub.pid != getpid():  # asyncio's hook, in the child of a fork
        _lent = None
        return _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    if isinstance(owner, GreenThread):
        raise ValueError("set_wakeup_fd only works in main thread of the main interpreter")
    before = _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    hub = None if owner is None else owner.hub
    if hub is None or owner is not hub.root:
        return before
    displaced, _displaced = _displaced, -1
    if _lent is not None:
        if fd == -1:
            (lender, back), _lent = _lent, None
            if lender is hub:
                _set_wakeup_fd(back, warn_on_full_buffer=False)
    elif _is_the_hubs(hub, before):
        if fd == -1:
            _set_wakeup_fd(before, warn_on_full_buffer=False)
        else:
            _lent = hub, before
        return displaced  # what the hub's loop has there is nobody's business
    return before


def _make_room(hub: Hub) -> None:
    """Take what a loop of the program's has in place away before *hub*'s loop runs.

    uvloop would put it back at its end, and fail if the program has closed it by then.
    """
    if is_main(hub.ident) and not isinstance(hub.loop, asyncio.BaseEventLoop):
        begun: Any = hub.greenlet  # it has not, yet
        begun.run = partial(_run_loop, begun.run)


def _run_loop(run: Callable[[], None]) -> None:
    global _displaced
    _displaced = _set_wakeup_fd(-1)
    try:
        run()
    finally:
        back, _displaced = _displaced, -1
        if back != -1:
            with suppress(OSError, ValueError):  # closed without a word
                _set_wakeup_fd(back)


on_self_start.append(_make_room)


def _is_the_hubs(hub: Hub, fd: int) -> bool:
    """Whether a loop is woken by *fd*: uvloop has one in place while it runs, and does not tell."""
    socket: Any = getattr(hub.loop, "_csock", None)
    return fd != -1 and (socket is None or socket.fileno() == fd)


def pause() -> None:
    """Park until a handler of a signal has run.

    https://docs.python.org/3/library/signal.html#signal.pause
    """
    if not parkable() or not is_main(get_ident()):
        stalling("signal.pause", _originals.signal_pause)
        return
    for signum in _stdlib.valid_signals():
        handler = _getsignal(signum)
        # Set by the original, before patching or by asyncio: it does not tell yet.
        if callable(handler) and not (
            type(handler) in _OURS or handler is _stdlib.default_int_handler
        ):
            _signal(signum, _Guard(handler))
    wait = _Pause()
    _pausing.append(wait)
    try:
        wait.event.wait()
    finally:
        _pausing.remove(wait)


def _shown(handler: Any) -> _Handler:
    if type(handler) is Catcher:
        handler = handler.before
    shown: _Handler = handler.handler if type(handler) in (_Guard, CtrlC) else handler
    return shown


for _name in __all__:
    globals()[_name].__module__ = "signal"  # as the original's, which are functions of C
