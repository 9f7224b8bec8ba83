"""A socket that parks instead of blocking, and what the ``socket`` module builds on it.

The class is a real subclass of the stdlib's. Descriptor flags are exactly the stdlib's:
``settimeout(None)`` leaves a blocking descriptor, so a child process or a native thread
may share it. A timeout is kept here and not in the C object, which would wait by itself.

The hot methods are written out, without a helper: one Python frame, then the C method;
only when that would block, the seam. What they do then is told in ``_sockio``.

Every other name of the stdlib's module is available here as well, unchanged.
"""

from __future__ import annotations

import _socket
import os
import socket as _stdlib
import sys
import warnings
from abc import ABCMeta
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from .. import _originals
from .._originals import monotonic
from .._waiting import closing_fd, wait_readable, wait_writable
from . import _sockio, _waitall, dns
from ._rebound import rebound
from ._sockio import BLOCKING, DONTWAIT, STREAM_FROM, attempt, receive
from ._waitall import WAITALL
from .dns import getaddrinfo as getaddrinfo
from .dns import gethostbyaddr as gethostbyaddr
from .dns import gethostbyname as gethostbyname
from .dns import gethostbyname_ex as gethostbyname_ex
from .dns import getnameinfo as getnameinfo

if TYPE_CHECKING:
    from collections.abc import Iterable
    from socket import socket as _Original

    from _typeshed import ReadableBuffer, WriteableBuffer
else:
    _Original = _originals.socket_socket

# C methods, bound once: a call of one costs no attribute look-up.
_C: Final = _socket.socket
_bind: Final = _C.bind
_connect: Final = _C.connect
_connect_ex: Final = _C.connect_ex
_family: Final[Any] = _C.family  # member descriptors: the plain numbers
_fileno: Final = _C.fileno
_gettimeout: Final = _C.gettimeout
_proto: Final[Any] = _C.proto
_recv: Final = _C.recv
_recv_into: Final = _C.recv_into
_recvfrom: Final = _C.recvfrom
_recvfrom_into: Final = _C.recvfrom_into
_send: Final = _C.send
_sendto: Final = _C.sendto
_setblocking: Final = _C.setblocking
_settimeout: Final = _C.settimeout
_type: Final[Any] = _C.type
_STREAM: Final = int(_socket.SOCK_STREAM)


class _SocketType(ABCMeta):
    """Sockets made before patching are instances of ``socket.socket`` as well.

    Not a plain type: then a user's ``class S(socket.socket, SomeABC)`` could not be made.
    """

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(_Original if cls is socket else cls, instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return type.__subclasscheck__(_Original if cls is socket else cls, subclass)


class socket(_Original, metaclass=_SocketType):
    """As ``socket.socket``; in green code it parks where the stdlib's blocks.

    Any number of green threads, tasks and native threads may use one socket. Interrupted
    while it waits (killed, cancelled, timed out from outside), a call has received and
    sent nothing, except ``sendall`` and ``sendfile``, as with the stdlib.
    """

    __slots__ = ("_gb_drained", "_gb_limit", "_gb_timeout")

    _gb_timeout: float | None  # seconds, as reported
    _gb_limit: float | None  # seconds that an operation may wait
    # The last recv took all there was. None: never known (no stream), or of no use (never waits).
    _gb_drained: bool | None

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None
    ) -> None:
        _Original.__init__(self, family, type, proto, fileno)
        self._gb_take_timeout()
        if fileno is None or self._gb_timeout is not None or not DONTWAIT:
            return
        if not os.get_blocking(_fileno(self)):
            self._gb_limit = 0.0  # see _sockio
            self._gb_drained = None

    def _gb_take_timeout(self) -> None:
        """Take over the timeout of the C object, so that C never waits for it."""
        self._gb_timeout = self._gb_limit = limit = _gettimeout(self)
        self._gb_drained = None if limit == 0 or _type.__get__(self) != _STREAM else False
        if limit != BLOCKING and limit != 0:
            _settimeout(self, 0.0)

    def settimeout(self, value: float | None, /) -> None:
        _settimeout(self, value)  # refuses what is no timeout; rounds
        self._gb_take_timeout()

    def gettimeout(self) -> float | None:
        return self._gb_timeout

    @property
    def timeout(self) -> float | None:
        return self._gb_timeout

    def setblocking(self, flag: bool, /) -> None:
        _setblocking(self, flag)
        self._gb_take_timeout()

    def getblocking(self) -> bool:
        return self._gb_timeout != 0

    # -- receiving -------------------------------------------------------------------------

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if flags:
            if flags & WAITALL and _waitall.collects(self, flags):
                return _waitall.recv(self, bufsize, flags)
            return receive(_recv, self, flags, bufsize)
        deadline = None
        if self._gb_drained and bufsize > 0:
            limit = self._gb_limit
            if limit is not None:
                deadline = monotonic() + limit
            wait_readable(_fileno(self), limit)
        try:
            data = _recv(self, bufsize, DONTWAIT)
        except BlockingIOError:
            if self._gb_limit == 0:
                raise
        else:
            size = len(data)
            if size < bufsize and 0 < size < STREAM_FROM:
                if self._gb_drained is False:
                    self._gb_drained = True
            elif self._gb_drained:
                self._gb_drained = False
            return data
        return _sockio.receive_later(self, bufsize, deadline)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        if flags:
            if flags & WAITALL and _waitall.collects(self, flags):
                return _waitall.recv_into(self, buffer, nbytes, flags)
            return receive(_recv_into, self, flags, buffer, nbytes)
        if self._gb_drained:
            return _sockio.receive_drained_into(self, buffer, nbytes)
        try:
            count = _recv_into(self, buffer, nbytes, DONTWAIT)
        except BlockingIOError:
            if self._gb_limit == 0:
                raise
        else:
            if self._gb_drained is False and 0 < count < STREAM_FROM:
                self._gb_drained = count < (nbytes or _sockio.room(buffer))
            return count
        return _sockio.receive_drained_into(self, buffer, nbytes)

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        if flags & WAITALL and _waitall.collects(self, flags):
            return _waitall.recvfrom(self, bufsize, flags)
        return receive(_recvfrom, self, flags, bufsize)

    def recvfrom_into(
        self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0
    ) -> tuple[int, Any]:
        if flags & WAITALL and _waitall.collects(self, flags):
            return _waitall.recvfrom_into(self, buffer, nbytes, flags)
        return receive(_recvfrom_into, self, flags, buffer, nbytes)

    if hasattr(_C, "recvmsg"):

        def recvmsg(
            self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /
        ) -> tuple[bytes, list[Any], int, Any]:
            if flags & WAITALL and _waitall.collects(self, flags):
                return _waitall.recvmsg(self, bufsize, ancbufsize, flags)
            return receive(_C.recvmsg, self, flags, bufsize, ancbufsize)

        def recvmsg_into(
            self, buffers: Iterable[WriteableBuffer], ancbufsize: int = 0, flags: int = 0, /
        ) -> tuple[int, list[Any], int, Any]:
            if not isinstance(buffers, (list, tuple)):
                buffers = tuple(buffers)  # a second attempt needs them again
            if flags & WAITALL and _waitall.collects(self, flags):
                return _waitall.recvmsg_into(self, buffers, ancbufsize, flags)
            return receive(_C.recvmsg_into, self, flags, buffers, ancbufsize)

    # -- sending ---------------------------------------------------------------------------

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        try:
            return _send(self, data, flags | DONTWAIT)
        except BlockingIOError:
            limit = self._gb_limit
            if (limit is None and flags & DONTWAIT) or limit == 0:
                raise
        if limit is None:
            while True:
                wait_writable(_fileno(self))
                try:
                    return _send(self, data, flags | DONTWAIT)
                except BlockingIOError:
                    pass
        deadline = monotonic() + limit
        while limit >= 0 and wait_writable(_fileno(self), limit):
            try:
                return _send(self, data, flags | DONTWAIT)
            except BlockingIOError:
                limit = deadline - monotonic()
        raise TimeoutError("timed out")

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        try:
            sent = _send(self, data, flags | DONTWAIT if flags else DONTWAIT)
        except BlockingIOError:
            limit = self._gb_limit
            if (limit is None and flags & DONTWAIT) or limit == 0:
                raise
            sent = 0
        if type(data) is not bytes or sent != len(data):
            _sockio.send_rest(self, data, sent, flags)

    def sendto(self, data: ReadableBuffer, *args: Any) -> int:
        if len(args) == 1:
            flags, address = 0, args[0]
        elif len(args) == 2:
            flags, address = args
        else:
            return _sendto(self, data, *args)  # it says what is wrong
        address = dns.resolved(_family.__get__(self), address)
        args = (data, flags | DONTWAIT, address)
        return attempt(wait_writable, flags & DONTWAIT, _sendto, self, *args)

    if hasattr(_C, "sendmsg"):

        def sendmsg(
            self,
            buffers: Iterable[ReadableBuffer],
            ancdata: Iterable[tuple[int, int, ReadableBuffer]] = (),
            flags: int = 0,
            address: Any = None,
            /,
        ) -> int:
            if not isinstance(buffers, (list, tuple)):
                buffers = tuple(buffers)  # a second attempt needs them again
            if not isinstance(ancdata, (list, tuple)):
                ancdata = tuple(ancdata)
            if address is not None:
                address = dns.resolved(_family.__get__(self), address)
            args = (buffers, ancdata, flags | DONTWAIT, address)
            return attempt(wait_writable, flags & DONTWAIT, _C.sendmsg, self, *args)

    if hasattr(_C, "sendmsg_afalg"):

        def sendmsg_afalg(
            self, msg: Iterable[ReadableBuffer] = (), *, op: int, flags: int = 0, **options: Any
        ) -> int:
            msg = tuple(msg)

            def call(sock: Any, flags: int) -> int:
                return _C.sendmsg_afalg(sock, msg, op=op, flags=flags, **options)

            return attempt(wait_writable, flags & DONTWAIT, call, self, flags | DONTWAIT)

    def _sendfile_use_sendfile(
        self, file: BinaryIO, offset: int = 0, count: int | None = None
    ) -> int:
        return _sockio.sendfile(self, file, offset, count)

    # -- connecting ------------------------------------------------------------------------

    def bind(self, address: Any, /) -> None:
        _bind(self, dns.resolved(_family.__get__(self), address))

    def connect(self, address: Any, /) -> None:
        code = _sockio.connect(self, dns.resolved(_family.__get__(self), address), _connect)
        if code < 0:
            raise TimeoutError("timed out")
        if code:
            raise OSError(code, os.strerror(code))

    def connect_ex(self, address: Any, /) -> int:
        code = _sockio.connect(self, dns.resolved(_family.__get__(self), address), _connect_ex)
        return _stdlib.EAGAIN if code < 0 else code

    def accept(self) -> tuple[socket, Any]:
        fd, address = _sockio.accept(self)
        sock = socket(_family.__get__(self), _type.__get__(self), _proto.__get__(self), fd)
        # Some systems let an accepted socket inherit O_NONBLOCK: bugs.python.org/issue7995
        if _socket.getdefaulttimeout() is None and self._gb_timeout:
            sock.setblocking(True)
        return sock, address

    # -- the end ---------------------------------------------------------------------------

    def _real_close(
        self, _ss: Any = _Original, _closing: Any = closing_fd, _number: Any = _fileno
    ) -> None:
        # No globals: this runs while the interpreter shuts down as well.
        fd = _number(self)
        if fd >= 0:
            _closing(fd)
        _ss._real_close(self)

    def detach(self) -> int:
        fd = _fileno(self)
        if fd >= 0:
            closing_fd(fd)
        return super().detach()

    def __del__(
        self,
        _closing: Any = closing_fd,
        _number: Any = _fileno,
        _warn: Any = warnings.warn,
        _close: Any = _C.close,
    ) -> None:
        # Instead of the C class's finalizer, which knows no loop, and which would name this
        # line as the place of the warning.
        fd = _number(self)
        if fd >= 0:
            try:
                _warn(f"unclosed {self!r}", ResourceWarning, 2, self)
            finally:
                _closing(fd)
                _close(self)


def close(fd: Any, /) -> None:
    """As ``socket.close``; whoever waits for the descriptor gets EBADF."""
    if isinstance(fd, int):
        closing_fd(fd)
    _socket.close(fd)


_names: Final = {
    **vars(_stdlib),
    "socket": socket,
    "close": close,
    "getaddrinfo": getaddrinfo,
    "gethostbyaddr": gethostbyaddr,
}

# The stdlib's own code, with the names above in the place of its own.
create_connection: Final = rebound(_originals.socket_create_connection, _names)
create_server: Final = rebound(_originals.socket_create_server, _names)
fromfd: Final = rebound(_originals.socket_fromfd, _names)
getfqdn: Final = rebound(_originals.socket_getfqdn, _names)
has_dualstack_ipv6: Final = rebound(_stdlib.has_dualstack_ipv6, _names)
socketpair: Final = rebound(_originals.socket_socketpair, _names)
if sys.platform == "win32":
    fromshare: Final = rebound(_stdlib.fromshare, _names)


def __getattr__(name: str) -> Any:
    """Every other name is the stdlib's own."""
    try:
        return getattr(_stdlib, name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
