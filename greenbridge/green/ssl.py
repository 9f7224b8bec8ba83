"""The stand-in for ``ssl.SSLSocket``.

Theory of operation. Contexts stay the stdlib's own: ``SSLContext.wrap_socket`` makes an object
of ``SSLContext.sslsocket_class``, and that is this class once it is patched in. So a context
that was made long before is green as well, nothing about verification changes, and nothing
can recurse through ``super(SSLContext, SSLContext)``, which is what happens when the context
class is replaced. Memory BIOs, which asyncio and uvloop use, never wait.

The class derives from the original ``SSLSocket`` and from the green socket, in this order, so
the ``super()`` calls of the stdlib's methods reach the green socket: what is sent before the
handshake, ``connect`` and ``accept`` are green without a line here. What is left are the
operations of the C object (``_sslobj``). It reads the timeout that ``_socket`` has for this
object, so that one is always 0: every operation is an attempt that raises SSLWantReadError or
SSLWantWriteError, and the real timeout is counted here.

An OpenSSL object must not be entered twice, and CPython's callbacks (SNI, messages) run inside
it and may park. So every attempt takes a turn. Writers also take turns for a whole write: when
OpenSSL wants to write again it must get the same bytes again. Waiting happens outside the
attempt: one green thread can read while another one writes.
"""

from __future__ import annotations

import _socket
import errno
import os
from ssl import SSL_ERROR_EOF, SSLError, SSLWantReadError, SSLWantWriteError
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .. import _originals
from .._originals import monotonic
from .._waiting import wait_readable, wait_writable
from ._turn import Turn
from .socket import socket

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLSocket as _Original

    from _typeshed import ReadableBuffer, WriteableBuffer
    from typing_extensions import Self
else:
    _Original = _originals.SSLSocket

__all__ = ("SSLSocket",)

T = TypeVar("T")

# C methods, bound once: a plain call, whatever a subclass overrides.
_fileno: Final = _socket.socket.fileno
_settimeout: Final = _socket.socket.settimeout

# Seconds. With it the C code makes one attempt and finds that its time is over.
_AT_ONCE_S: Final = 1e-9


class _SSLSocketType(type(socket)):  # type: ignore[misc]  # whatever metaclass that has
    """Sockets made before patching are instances of ``ssl.SSLSocket`` as well."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is SSLSocket and isinstance(instance, _Original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if super().__subclasscheck__(subclass):
            return True
        return cls is SSLSocket and issubclass(subclass, _Original)


class _Constructor:
    """Stands before the original, whose ``_create`` calls ``super(ssl.SSLSocket, self).__init__``.

    ``ssl.SSLSocket`` is the class below by then, and the next one is the original itself, whose
    ``__init__`` only raises.
    """

    def __init__(self, **kwargs: Any) -> None:
        socket.__init__(self, **kwargs)  # type: ignore[arg-type]  # a mixin of sockets


class SSLSocket(  # type: ignore[misc]  # the two bases name some parameters differently
    _Constructor, _Original, socket, metaclass=_SSLSocketType
):
    """A TLS socket whose handshake, reads and writes park; made by ``SSLContext.wrap_socket``.

    Green threads, green tasks and native threads may use one at the same time, one that reads
    and one that writes, or several of each. Where a method waits, a cancelled wait consumes
    nothing; after a cancelled write the connection can only be closed, as in the stdlib after
    a timeout. https://docs.python.org/3/library/ssl.html#ssl.SSLSocket
    """

    _sslobj: Any  # the C object; None before the handshake, after unwrap() and when closed
    suppress_ragged_eofs: bool
    _turn: Turn  # for an attempt
    _write_turn: Turn  # for all attempts of one write

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls, *args, **kwargs)
        self._turn = Turn()
        self._write_turn = Turn()
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _Original.__init__(self, *args, **kwargs)  # raises: there is no public constructor

    # -- timeouts --------------------------------------------------------------------------

    def settimeout(self, value: float | None, /) -> None:
        """Set the timeout of every operation, in seconds; None is no limit, 0 does not wait."""
        super().settimeout(value)
        _settimeout(self, 0.0)

    def setblocking(self, flag: bool, /) -> None:
        """``settimeout(None)`` or ``settimeout(0)``."""
        self.settimeout(None if flag else 0.0)

    def detach(self) -> int:
        """Give the descriptor away; as blocking as ``gettimeout`` said."""
        fd = _fileno(self)
        if fd >= 0 and self.gettimeout() is None:
            os.set_blocking(fd, True)
        return super().detach()

    # -- the operations of the TLS object --------------------------------------------------

    def read(self, len: int = 1024, buffer: WriteableBuffer | None = None) -> Any:
        """Read up to *len* bytes, into *buffer* if given; nothing at the end of the stream."""
        sslobj = self._sslobj
        if sslobj is None:
            return super().read(len, buffer)  # raises
        try:
            if buffer is None:
                return self._perform("read", sslobj.read, len)
            return self._perform("read", sslobj.read, len, buffer)
        except SSLError as error:
            if error.args[0] == SSL_ERROR_EOF and self.suppress_ragged_eofs:
                return b"" if buffer is None else 0
            raise

    def write(self, data: ReadableBuffer) -> int:
        """Write *data*; the number of bytes written."""
        sslobj = self._sslobj
        if sslobj is None:
            return super().write(data)  # raises
        return self._write(sslobj.write, data)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """As ``write``, or before the handshake as ``socket.send``."""
        sslobj = self._sslobj
        if sslobj is None or flags:
            return super().send(data, flags)
        return self._write(sslobj.write, data)

    def _write(self, write: Callable[..., int], data: ReadableBuffer) -> int:
        timeout = self._gb_limit
        if timeout == 0:
            return self._perform("write", write, data)
        deadline = None if timeout is None else monotonic() + timeout
        if not self._write_turn.acquire(deadline):
            raise TimeoutError("The write operation timed out")
        try:
            return self._perform("write", write, data, deadline=deadline)
        finally:
            self._write_turn.release()

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; with *block* a non-blocking socket waits too, without limit."""
        self._check_connected()  # type: ignore[attr-defined]  # private
        _settimeout(self, 0.0)  # connect() may have changed it
        waits = block and self.gettimeout() == 0
        self._perform("handshake", self._sslobj.do_handshake, waits=waits)

    def unwrap(self) -> Any:
        """Shut TLS down in both directions; returns the socket for plain use."""
        sslobj = self._sslobj
        if not sslobj:
            return super().unwrap()  # raises
        plain = self._perform("shutdown", sslobj.shutdown)
        self._sslobj = None
        return plain

    def pending(self) -> int:
        """The number of decrypted bytes that wait to be read."""
        # It enters the TLS object; if a callback is parked in there, wait for it.
        self._turn.acquire()
        try:
            return super().pending()
        finally:
            self._turn.release()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file; the number of bytes sent."""
        if self._sslobj is None:
            return super().sendfile(file, offset, count)
        # Python 3.15 has a way through the kernel, which is a different wait; this one is as
        # right with it as without.
        use_send: Callable[..., int] = self._sendfile_use_send  # type: ignore[attr-defined]
        return use_send(file, offset, count)

    def _real_connect(self, addr: Any, connect_ex: bool) -> Any:
        if self.gettimeout() is None:
            _settimeout(self, None)  # as connect() of the green socket expects it
        try:
            return super()._real_connect(addr, connect_ex)  # type: ignore[misc]  # private
        finally:
            if _fileno(self) >= 0:
                _settimeout(self, 0.0)

    def _perform(
        self,
        what: str,
        call: Callable[..., T],
        *args: Any,
        deadline: float | None = None,
        waits: bool = False,
    ) -> T:
        """Attempt ``call(*args)``, a method of the TLS object, until it is done.

        Args:
            what: the operation, for the message of a timeout.
            call: the method; *args* are its arguments.
            deadline: when the time is up, if it began to count before.
            waits: without limit, although the socket is non-blocking.
        """
        timeout = None if waits else self._gb_limit
        if timeout and deadline is None:
            deadline = monotonic() + timeout
        turn = self._turn
        while True:
            if not turn.acquire(deadline):
                raise TimeoutError(f"The {what} operation timed out")
            try:
                # The TLS object knows the number of the descriptor, not whether it is still ours.
                fd = self._open_fileno()
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
                turn.release()
            if deadline is None:
                wait(fd, None)
                continue
            left = deadline - monotonic()
            if left > 0 and wait(fd, left):
                continue
            if what == "handshake":
                return self._last_attempt(call)
            if what == "shutdown":
                what = "read" if wait is wait_readable else "write"
            raise TimeoutError(f"The {what} operation timed out")

    def _open_fileno(self) -> int:
        fd = _fileno(self)
        if fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return fd

    def _last_attempt(self, handshake: Callable[[], T]) -> T:
        """Let the C code find that the time is up: its message has a line number of its own."""
        self._turn.acquire()
        try:
            self._open_fileno()
            _settimeout(self, _AT_ONCE_S)
            try:
                return handshake()
            finally:
                _settimeout(self, 0.0)
        except (SSLWantReadError, SSLWantWriteError):  # a clock that did not move
            raise TimeoutError("The handshake operation timed out") from None
        finally:
            self._turn.release()
