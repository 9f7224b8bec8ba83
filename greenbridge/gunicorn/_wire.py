"""What stands between gunicorn's parser and response, and the client's socket.

gunicorn reads with ``recv`` and writes with ``sendall``; it knows no time limits for a client that
falls silent, and it sends the head of a response and its body one by one. Both are changed here, so
that none of its own code is.
"""

from __future__ import annotations

import _socket
from typing import TYPE_CHECKING, Any, Final, final

from .._originals import monotonic
from ..green._sockio import DONTWAIT

if TYPE_CHECKING:
    from typing import BinaryIO

_recv: Final = _socket.socket.recv
_send: Final = _socket.socket.send


@final
class Wire:
    """One client's socket, as the parser and the response see it.

    Args:
        sock: the green socket.
        plain: it is no TLS socket.
        stall: seconds that the client may neither send nor take anything while a request is under
            way; None is no limit.
    """

    __slots__ = ("_held", "corked", "failed", "head_by", "plain", "sock", "stall", "trusted")

    def __init__(self, sock: Any, plain: bool, stall: float | None) -> None:
        self.sock = sock
        self.plain = plain
        self.stall = stall
        self.head_by: float | None = None  # when the head of a request must have come
        self.corked = False  # what is written is held until flush()
        self.failed = False  # an error of the application is none of the client's
        self.trusted: Any = None  # what gunicorn's parser found out about the client's address
        self._held: list[bytes] = []

    # -- reading: what gunicorn's SocketUnreader calls -----------------------------------------

    def recv(self, size: int) -> bytes:
        """Some bytes; none at the end of the stream.

        Raises:
            TimeoutError: if the client was silent for too long.
        """
        sock = self.sock
        if self.plain:
            try:
                return _recv(sock, size, DONTWAIT)
            except BlockingIOError:
                pass
            except OSError:
                self.failed = True
                raise
        sock._gb_limit = self._limit()
        try:
            data: bytes = sock.recv(size)
            return data
        except OSError:
            self.failed = True
            raise
        finally:
            sock._gb_limit = None

    def _limit(self) -> float | None:
        if self.head_by is None:
            return self.stall
        left = self.head_by - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    # gunicorn limits the time in which it reads the rest of a body that nobody wanted.

    def gettimeout(self) -> float | None:
        return self.stall

    def settimeout(self, value: float | None) -> None:
        self.stall = value

    # -- writing: what gunicorn's Response calls -----------------------------------------------

    def sendall(self, data: bytes) -> None:
        """Send, or keep for ``flush`` while corked."""
        if self.corked:
            self._held.append(data)
        else:
            self._send(data)

    send = sendall

    def flush(self) -> None:
        """Send what was kept, in one piece: one system call and one packet."""
        held = self._held
        if held:
            data = held[0] if len(held) == 1 else b"".join(held)
            held.clear()
            self._send(data)

    def sendfile(self, file: BinaryIO, offset: int, count: int) -> None:
        self.flush()
        sock = self.sock
        sock._gb_limit = self.stall
        try:
            sock.sendfile(file, offset=offset, count=count)
        except OSError:
            self.failed = True
            raise
        finally:
            sock._gb_limit = None

    def _send(self, data: bytes) -> None:
        # Not sendall: its limit would be for the whole, and a large answer to a slow client may
        # take long. Here it counts from each piece that the client has taken.
        sock = self.sock
        try:
            sent = _send(sock, data, DONTWAIT) if self.plain else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.failed = True
            raise
        if sent == len(data):
            return
        sock._gb_limit = self.stall
        try:
            with memoryview(data) as view:
                while sent < len(view):
                    sent += sock.send(view[sent:])
        except OSError:
            self.failed = True
            raise
        finally:
            sock._gb_limit = None
