"""Waiting for signals: ``pause``, ``sigwait`` and its kind.

A signal that is blocked becomes pending, and nothing but a system call that blocks tells when. So
it is asked for again and again (``_again``), in the OS thread of the caller: there it is, wherever
it was sent to, with all that is known about it.

The kernel also lets a thread wait for signals that are not blocked, and programs do. Here such a
signal would be delivered between two questions, and end the process. To block it meanwhile would
block it in every child that others start. So it gets a handler for as long as somebody waits.
"""

from __future__ import annotations

import signal as _stdlib
from typing import TYPE_CHECKING, Any, Final, final

from .._main import is_main
from .._originals import get_ident, signal_getsignal, signal_signal
from .._originals import signal_sigtimedwait as _sigtimedwait
from .._originals import signal_sigwait as _sigwait
from .._originals import signal_sigwaitinfo as _sigwaitinfo
from .._waiting import parkable, stalling
from ._again import Again

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

__all__ = ("Catcher", "sigtimedwait", "sigwait", "sigwaitinfo")

#: Fields of ``struct_siginfo`` after the number; of a signal that came to a handler none is known.
_UNKNOWN: Final = (0,) * 6


@final
class Catcher:
    """The handler of one signal while somebody waits for it."""

    __slots__ = ("before", "waits")

    def __init__(self, before: Any) -> None:
        self.before = before  # what the handler was, and will be again
        self.waits: list[_Wait] = []

    def __call__(self, signum: int, frame: object) -> None:
        # To whoever has waited longest and has none yet.
        min(self.waits, key=lambda wait: len(wait.caught)).caught.append(signum)


_catchers: Final[dict[int, Catcher]] = {}


@final
class _Wait:
    """One wait for any of *signals*; a context manager."""

    __slots__ = ("_signals", "_watched", "caught")

    def __init__(self, signals: Iterable[int]) -> None:
        self._signals = list(signals)
        self._watched: list[int] = []
        self.caught: list[int] = []

    def __enter__(self) -> Self:
        if is_main(get_ident()):
            blocked = _stdlib.pthread_sigmask(_stdlib.SIG_BLOCK, ())
            for signum in self._signals:
                if signum not in blocked:
                    self._catch(signum)
        return self

    def _catch(self, signum: int) -> None:
        catcher = _catchers.get(signum)
        if catcher is None:
            try:
                catcher = Catcher(signal_getsignal(signum))
                if catcher.before is None:  # not of Python's making: it could not be put back
                    return
                signal_signal(signum, catcher)
            except (OSError, ValueError):  # SIGKILL; or what sigtimedwait refuses in its own words
                return
            _catchers[signum] = catcher
        catcher.waits.append(self)
        self._watched.append(signum)

    def __exit__(self, *exc_info: object) -> None:
        for signum in self._watched:
            catcher = _catchers[signum]
            catcher.waits.remove(self)
            if not catcher.waits:
                del _catchers[signum]
                now: Any = signal_getsignal(signum)
                if now is catcher:
                    signal_signal(signum, catcher.before)
        for signum in self.caught:  # nobody has taken it: as if it came now
            _stdlib.raise_signal(signum)

    def ask(self) -> Any:
        """What ``sigtimedwait`` gives, now."""
        found = _sigtimedwait(self._signals, 0)
        if found is None and self.caught:
            found = _stdlib.struct_siginfo((self.caught.pop(0), *_UNKNOWN))
        return found


def _may_wait() -> bool:
    """Whether a wait for signals parks here."""
    return _sigtimedwait is not None and parkable()


def _ask_again(sigset: Iterable[int], again: Again) -> Any:
    with _Wait(sigset) as wait:
        while (found := wait.ask()) is None and again.pause():
            pass
        return found if found is not None else wait.ask()


def sigwait(sigset: Iterable[int]) -> Any:
    """Park until one of the signals in *sigset* comes, and take it; its number.

    On cancellation no signal is taken. https://docs.python.org/3/library/signal.html#signal.sigwait

    Raises:
        ValueError: one of them is no signal.
    """
    if not _may_wait():
        return stalling("signal.sigwait", _sigwait, sigset)
    number = _ask_again(sigset, Again()).si_signo
    try:
        return _stdlib.Signals(number)
    except ValueError:  # a real-time signal without a name
        return number


def sigwaitinfo(sigset: Iterable[int], /) -> _stdlib.struct_siginfo:
    """As :func:`sigwait`; what is known of the signal. If it was not blocked: its number only."""
    if not _may_wait():
        return stalling("signal.sigwaitinfo", _sigwaitinfo, sigset)  # type: ignore[no-any-return]
    return _ask_again(sigset, Again())  # type: ignore[no-any-return]


def sigtimedwait(sigset: Iterable[int], timeout: float, /) -> _stdlib.struct_siginfo | None:
    """As :func:`sigwaitinfo`, for at most *timeout* seconds; None if nothing has come.

    Raises:
        ValueError: *timeout* is negative.
    """
    if not timeout > 0 or not _may_wait():
        return stalling("signal.sigtimedwait", _sigtimedwait, sigset, timeout)  # type: ignore[no-any-return]
    return _ask_again(sigset, Again(timeout))  # type: ignore[no-any-return]
