"""Ctrl-C, without leaving the hub half-way through its work.

CPython runs a signal handler between any two bytecodes of the main OS thread, and
``signal.default_int_handler`` raises KeyboardInterrupt there: in a callback of the hub,
perhaps after it has taken a greenlet out of the ready queue and before it has switched
to it. So a hub that runs its own loop in the main thread replaces that handler, as
``asyncio.Runner`` does, and only that one: where the loop or greenbridge itself was
interrupted, the KeyboardInterrupt is raised in the program's root instead, at its wait.
In green threads that stand for the program's OS threads, too: those never see a KeyboardInterrupt.
Anywhere else it is raised on the spot, so Ctrl-C also ends a green thread that computes without
a pause; and if the program has not even got the last one, so does a second Ctrl-C.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, final

from greenlet import getcurrent

from ._carriers import Carrier
from ._hub import on_self_start
from ._main import is_main
from ._originals import signal_getsignal, signal_signal

if TYPE_CHECKING:
    from types import FrameType

    from ._hub import Hub

__all__ = ("CtrlC", "guard", "restore")


@final
class CtrlC:
    """Stands where ``signal.default_int_handler`` stood while *hub* lives."""

    __slots__ = ("_sent", "handler", "hub")

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.handler = signal.default_int_handler  # what the green getsignal() shows
        self._sent: KeyboardInterrupt | None = None  # the last one for the root

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        hub = self.hub
        root = hub.root
        if hub.closed or root is None:
            raise KeyboardInterrupt
        if self._inside(frame):
            self._sent = KeyboardInterrupt()
            hub.call_threadsafe(root.interrupt, self._sent)
        elif self._in_a_thread():
            self._sent = KeyboardInterrupt()
            root.interrupt(self._sent)
        else:
            raise KeyboardInterrupt

    def _in_a_thread(self) -> bool:
        own = getcurrent()
        if type(own) is not Carrier or not getattr(own.thread, "stands_in", False):
            return False
        return self._sent is None or self._sent.__traceback__ is not None  # it has been raised

    def _inside(self, frame: FrameType | None) -> bool:
        if getcurrent() is self.hub.greenlet:
            return True
        module = "" if frame is None else frame.f_globals.get("__name__", "")
        return module.partition(".")[0] == __package__


def guard(hub: Hub) -> None:
    """Take the place of the default handler, if *hub* is the main OS thread's."""
    if is_main(hub.ident) and signal_getsignal(signal.SIGINT) is signal.default_int_handler:
        signal_signal(signal.SIGINT, CtrlC(hub))


def restore(hub: Hub) -> None:
    """Put the default handler back, if ours for *hub* is still the one."""
    if is_main(hub.ident):
        handler = signal_getsignal(signal.SIGINT)
        if type(handler) is CtrlC and handler.hub is hub:
            signal_signal(signal.SIGINT, signal.default_int_handler)


on_self_start.append(guard)
