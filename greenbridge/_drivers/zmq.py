"""pyzmq: sockets and pollers that park, subclasses of its own.

A ZeroMQ socket has one descriptor, which becomes readable when its state may have changed. Its
``EVENTS`` say whether it did, and asking for them makes the descriptor quiet again, so they are
asked for after each wake and after each operation: http://api.zeromq.org/4-3:zmq-getsockopt
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from .._borrowed import wait_borrowed
from .._originals import monotonic
from .._waiting import POLLIN, parkable
from ..green._polling import Watch

__all__ = ("Poller", "Socket", "poll", "select")

#: Any: its classes are generic in ways that a subclass here cannot repeat.
zmq: Any = importlib.import_module("zmq")
_Socket: Any = zmq.Socket
_Poller: Any = zmq.Poller
#: Milliseconds; ZeroMQ's "without limit".
_FOREVER: Final = -1


def _deadline(milliseconds: float | None) -> float | None:
    if milliseconds is None or milliseconds < 0:
        return None
    return monotonic() + milliseconds / 1000


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - monotonic())


class Poller(_Poller):  # type: ignore[misc]  # see above
    """``zmq.Poller`` that lets other green code run while it waits."""

    __module__ = "zmq"

    def poll(self, timeout: int | None = None) -> list[tuple[Any, int]]:
        """What is ready, after at most *timeout* milliseconds; None or -1 waits without limit."""
        if not parkable():
            return super().poll(timeout)  # type: ignore[no-any-return]
        deadline = _deadline(timeout)
        while True:
            ready: list[tuple[Any, int]] = super().poll(0)
            left = _left(deadline)
            if ready or left == 0:
                return ready
            masks: dict[int, int] = {}
            for what, flags in self.sockets:
                if isinstance(what, _Socket):
                    masks[what.getsockopt(zmq.FD)] = POLLIN
                else:  # ZeroMQ has the bits of poll()
                    masks[what if isinstance(what, int) else what.fileno()] = flags
            with Watch(masks, deadline) as watch:
                watch.wait()


class Socket(_Socket):  # type: ignore[misc]  # see above
    """``zmq.Socket`` that lets other green code run while it waits.

    ``RCVTIMEO`` and ``SNDTIMEO`` hold, and ``NOBLOCK`` does not wait. On cancellation nothing was
    sent or received.
    """

    __module__ = "zmq"
    _poller_class = Poller

    def send(
        self, data: Any, flags: int = 0, copy: bool = True, track: bool = False, **kwargs: Any
    ) -> Any:
        """Send one part; waits while the peer takes no more."""
        return self._waiting(
            zmq.POLLOUT, zmq.SNDTIMEO, super().send, data, flags, copy, track, **kwargs
        )

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        """Receive one part; waits until there is one."""
        return self._waiting(
            zmq.POLLIN, zmq.RCVTIMEO, super().recv, None, flags, copy, track, takes_data=False
        )

    def _waiting(
        self,
        event: int,
        option: int,
        call: Any,
        data: Any,
        flags: int,
        *args: Any,
        takes_data: bool = True,
        **kwargs: Any,
    ) -> Any:
        first = (data,) if takes_data else ()
        if flags & zmq.NOBLOCK or not parkable():
            return call(*first, flags, *args, **kwargs)
        deadline = _deadline(self.getsockopt(option))
        try:
            while True:
                try:
                    return call(*first, flags | zmq.NOBLOCK, *args, **kwargs)
                except zmq.Again:
                    if not self._wait(event, deadline):
                        raise
        finally:
            if not self.closed:
                # Others may wait on the same socket for the other direction, and what this call
                # did has made the descriptor quiet.
                self.getsockopt(zmq.EVENTS)

    def _wait(self, event: int, deadline: float | None) -> bool:
        """Wait until *event* is there; False when the time is over."""
        while not self.getsockopt(zmq.EVENTS) & event:
            left = _left(deadline)
            if left == 0:
                return False
            wait_borrowed(self.getsockopt(zmq.FD), POLLIN, left)  # it is closed in C
        return True


def poll(sockets: list[tuple[Any, int]], timeout: int = _FOREVER) -> list[tuple[Any, int]]:
    """``zmq.zmq_poll``, greenly."""
    poller = Poller()
    for socket, flags in sockets:
        poller.register(socket, flags)
    return poller.poll(timeout)


def select(
    rlist: list[Any], wlist: list[Any], xlist: list[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """``zmq.select``, greenly; *timeout* in seconds."""
    wanted: dict[Any, int] = {}
    for flag, some in ((zmq.POLLIN, rlist), (zmq.POLLOUT, wlist), (zmq.POLLERR, xlist)):
        for socket in some:
            wanted[socket] = wanted.get(socket, 0) | flag
    ready = poll([*wanted.items()], _FOREVER if timeout is None else int(timeout * 1000))
    return (
        [socket for socket, events in ready if events & zmq.POLLIN],
        [socket for socket, events in ready if events & zmq.POLLOUT],
        [socket for socket, events in ready if events & zmq.POLLERR],
    )
