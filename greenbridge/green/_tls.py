"""The C object of a TLS socket, with operations that wait.

Theory of operation. The C object (``_ssl._SSLSocket``, which ``ssl.SSLSocket`` keeps as
``_sslobj``) reads the timeout that ``_socket`` has for its socket. For a green one that is
always 0, so every operation is an attempt that raises SSLWantReadError or SSLWantWriteError;
the real timeout is counted here.

An OpenSSL object must not be entered twice, and CPython's callbacks (SNI, messages) run inside
it and may park. So every attempt takes a turn. Writers also take turns for a whole write: when
OpenSSL wants to write again it must get the same bytes again. Waiting happens outside the
attempt: one green thread can read while another one writes.
"""

from __future__ import annotations

import _socket
import _ssl
import errno
import os
import weakref
from ssl import SSLError, SSLWantReadError, SSLWantWriteError
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .._originals import monotonic
from .._waiting import wait_readable, wait_writable
from ._turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ssl import SSLSocket

T = TypeVar("T")

# C methods, bound once: a plain call, whatever a subclass overrides.
_fileno: Final = _socket.socket.fileno
_settimeout: Final = _socket.socket.settimeout

# Seconds. With it the C code makes one attempt and finds that its time is over.
_AT_ONCE_S: Final = 1e-9


class TlsObject:
    """Stands for the C object *original* of *sock*, which it does not keep alive.

    What an operation raises is what C raises for a socket with that timeout; also OSError
    (EBADF) if the socket is closed meanwhile. A cancelled wait consumes nothing; after a
    cancelled write the connection can only be closed, as in the stdlib after a timeout.
    """

    __slots__ = ("_original", "_read", "_socket", "_turn", "_write", "_write_turn")

    def __init__(self, sock: SSLSocket, original: Any) -> None:
        self._socket = weakref.ref(sock)
        self._original = original
        self._read = original.read
        self._write = original.write
        self._turn = Turn()  # for an attempt
        self._write_turn = Turn()  # for all attempts of one write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def _forward(name: str) -> Any:  # type: ignore[misc]  # makes properties of this class
        def get(self: TlsObject) -> Any:
            return getattr(self._original, name)

        def put(self: TlsObject, value: Any) -> None:
            setattr(self._original, name, value)

        return property(get, put)

    # What can be assigned; everything else is found by __getattr__.
    context = _forward("context")
    owner = _forward("owner")
    session = _forward("session")

    def do_handshake(self) -> None:
        self._perform("handshake", self._original.do_handshake)

    def read(self, *args: Any) -> Any:
        # The first attempt of _perform, written out: most of them succeed. Whoever calls has
        # just found this object in its socket, so that is open.
        turn = self._turn
        wait = None
        if turn.lock.acquire(False):
            try:
                return self._read(*args)
            except SSLWantReadError:
                if self._living_socket()._gb_limit == 0:
                    raise
                wait = wait_readable
            except SSLWantWriteError:
                if self._living_socket()._gb_limit == 0:
                    raise
                wait = wait_writable
            finally:
                turn.lock.release()
                if turn.waiting:
                    turn.wake_next()
        return self._perform("read", self._read, *args, wait=wait)

    def write(self, data: Any) -> int:
        return self._one_writer("write", self._write, data)

    # Python 3.15, for when the kernel encrypts. Not in the stubs.
    if hasattr(_ssl._SSLSocket, "sendfile"):  # type: ignore[attr-defined]

        def sendfile(self, *args: Any) -> int:
            return self._one_writer("sendfile", self._original.sendfile, *args)

    def shutdown(self) -> Any:
        return self._perform("shutdown", self._original.shutdown)

    def _one_writer(self, what: str, call: Callable[..., int], *args: Any) -> int:
        writers = self._write_turn
        deadline = None
        if not writers.lock.acquire(False):
            timeout = self._living_socket()._gb_limit
            if timeout == 0:
                return self._perform(what, call, *args)
            deadline = None if timeout is None else monotonic() + timeout
            if not writers.acquire(deadline):
                raise TimeoutError(f"The {what} operation timed out")
        try:
            return self._perform(what, call, *args, deadline=deadline)
        finally:
            writers.lock.release()
            if writers.waiting:
                writers.wake_next()

    def _perform(
        self,
        what: str,
        call: Callable[..., T],
        *args: Any,
        deadline: float | None = None,
        wait: Callable[[int, float | None], bool] | None = None,
    ) -> T:
        """Attempt ``call(*args)`` until it is done.

        Args:
            what: the operation, for the message of a timeout.
            call: a method of the C object; *args* are its arguments.
            deadline: when the time is up, if it began to count before.
            wait: what for, if a first attempt was made.
        """
        sock = self._living_socket()
        timeout = sock._gb_limit
        if timeout and deadline is None:
            deadline = monotonic() + timeout
        turn = self._turn
        while True:
            if wait is not None:
                fd = _open_fileno(sock)
                if deadline is None:
                    wait(fd, None)
                elif (left := deadline - monotonic()) <= 0 or not wait(fd, left):
                    if what == "handshake":
                        return self._last_attempt(sock, call)
                    if what == "shutdown":
                        what = "read" if wait is wait_readable else "write"
                    raise TimeoutError(f"The {what} operation timed out")
            if not turn.lock.acquire(False) and not turn.acquire(deadline):
                raise TimeoutError(f"The {what} operation timed out")
            try:
                # The C object knows the number of the descriptor, not whether it is still ours.
                _open_fileno(sock)
                return call(*args)
            except SSLWantReadError:
                if timeout == 0:
                    raise
                wait = wait_readable
            except SSLWantWriteError:
                if timeout == 0:
                    raise
                wait = wait_writable
            finally:
                turn.lock.release()
                if turn.waiting:
                    turn.wake_next()

    def _last_attempt(self, sock: SSLSocket, handshake: Callable[..., T]) -> T:
        """Let the C code find that the time is up: its message has a line number of its own."""
        self._turn.acquire()
        try:
            _open_fileno(sock)
            _settimeout(sock, _AT_ONCE_S)
            try:
                return handshake()
            finally:
                _settimeout(sock, 0.0)
        except (SSLWantReadError, SSLWantWriteError):  # a clock that did not move
            raise TimeoutError("The handshake operation timed out") from None
        finally:
            self._turn.release()

    def _living_socket(self) -> SSLSocket:
        sock = self._socket()
        if sock is None:
            raise SSLError("Underlying socket connection gone")  # as C says it
        return sock


def _open_fileno(sock: SSLSocket) -> int:
    fd = _fileno(sock)
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return fd
