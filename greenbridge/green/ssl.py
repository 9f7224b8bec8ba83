"""The stand-in for ``ssl.SSLSocket``.

Theory of operation. Contexts stay the stdlib's own: ``SSLContext.wrap_socket`` makes an object
of ``SSLContext.sslsocket_class``, and that is this class once it is patched in. So a context
that was made long before is green as well, nothing about verification changes, and nothing
can recurse through ``super(SSLContext, SSLContext)``, which is what happens when the context
class is replaced. Memory BIOs, which asyncio and uvloop use, never wait.

All methods are the stdlib's own. The class derives from the original ``SSLSocket`` and then
from the green socket, so the ``super()`` calls of those methods reach the green socket: what is
sent before the handshake, ``connect`` and ``accept`` are green without a line here. And the C
object that does the rest, ``_sslobj``, is wrapped by one whose operations park (``_tls``).
"""

from __future__ import annotations

import _socket
from typing import TYPE_CHECKING, Any, Final

from .. import _originals
from ._tls import TlsObject
from .socket import _SocketType, socket

if TYPE_CHECKING:
    from ssl import SSLSocket as _Original
else:
    _Original = _originals.SSLSocket

__all__ = ("SSLSocket",)

_fileno: Final = _socket.socket.fileno
_settimeout: Final = _socket.socket.settimeout


class _SSLSocketType(_SocketType):
    """Sockets made before patching are instances of ``ssl.SSLSocket`` as well."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(_Original if cls is SSLSocket else cls, instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return type.__subclasscheck__(_Original if cls is SSLSocket else cls, subclass)


class _Constructor:
    """Stands before the original, whose ``_create`` calls ``super(ssl.SSLSocket, self).__init__``.

    ``ssl.SSLSocket`` is the class below by then, and the next one is the original itself, whose
    ``__init__`` only raises.
    """

    def __init__(self, **kwargs: Any) -> None:
        socket.__init__(self, **kwargs)  # type: ignore[arg-type]  # a mixin of sockets


class _NeverBlocking(socket):
    """Stands behind the original: a green socket whose C timeout is 0, whatever its own is."""

    def settimeout(self, value: float | None, /) -> None:
        super().settimeout(value)
        _settimeout(self, 0.0)

    def setblocking(self, flag: bool, /) -> None:
        self.settimeout(None if flag else 0.0)

    def connect(self, address: Any, /) -> None:
        self._as_it_was_told()
        try:
            super().connect(address)
        finally:
            self._never_again()

    def connect_ex(self, address: Any, /) -> int:
        self._as_it_was_told()
        try:
            return super().connect_ex(address)
        finally:
            self._never_again()

    def detach(self) -> int:
        """Give the descriptor away; as blocking as ``gettimeout`` said."""
        self._as_it_was_told()
        return super().detach()

    def _as_it_was_told(self) -> None:
        if _fileno(self) >= 0 and self.gettimeout() is None:
            _settimeout(self, None)

    def _never_again(self) -> None:
        if _fileno(self) >= 0:
            _settimeout(self, 0.0)


class SSLSocket(  # type: ignore[misc]  # the two bases name some parameters differently
    _Constructor, _Original, _NeverBlocking, metaclass=_SSLSocketType
):
    """A TLS socket whose handshake, reads and writes park; made by ``SSLContext.wrap_socket``.

    Green threads, green tasks and native threads may use one at the same time, one that reads
    and one that writes, or several of each; each write is sent whole. Where a method waits, a
    cancelled wait consumes nothing; after a cancelled write the connection can only be closed,
    as in the stdlib after a timeout. https://docs.python.org/3/library/ssl.html#ssl.SSLSocket
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _Original.__init__(self, *args, **kwargs)  # raises: there is no public constructor

    def __setattr__(self, name: str, value: Any) -> None:
        # The one place that sees every C object which the stdlib's methods make.
        if name == "_sslobj" and value is not None:
            value = TlsObject(self, value)
        super().__setattr__(name, value)
