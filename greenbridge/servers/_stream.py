"""TCP and Unix servers, with or without TLS."""

from __future__ import annotations

import _socket
import socket as _stdlib
import ssl
from typing import TYPE_CHECKING, Any, ClassVar, Final

from .._originals import SSLSocket
from .._timeouts import Timeout
from ..green import socket as green
from ..green.ssl import SSLSocket as GreenSSLSocket
from ._addresses import bound
from ._base import BaseServer, log

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

_accept: Final[Callable[[Any], tuple[int, Any]]] = _socket.socket._accept  # type: ignore[attr-defined]  # what socket.accept calls


class StreamServer(BaseServer):
    """Accepts connections and runs ``handle(socket, address)`` for each, in a green thread.

    The socket is green whether or not anything is patched. It is closed when *handle* returns or
    raises. An error in *handle* is reported through the loop's exception handler.

    Args:
        listener: ``("127.0.0.1", 8000)``, ``"127.0.0.1:8000"``, ``8000``, ``"unix:/path"``, a Path,
            or a socket that listens.
        handle: called with the connection and the peer's address; None: override ``handle``.
        backlog: connections that the kernel keeps until they are accepted.
        spawn: what runs a handler. A number, or a ``Pool``: at most so many at once, and nothing is
            accepted meanwhile. ``"default"``: any number. None: one after another. Or a function
            that is called with the function to run and its arguments.
        reuse_port: several processes may listen on the same port (SO_REUSEPORT).
        ssl_context: serve TLS with it.
        ssl_args: ``certfile``, ``keyfile``, ``ca_certs``, ``cert_reqs``, ``ciphers``, of which a
            context is made if none is given.

    Raises:
        TypeError: if an argument cannot be used.
        ValueError: if the address is none.
    """

    backlog: int = 128
    #: Seconds that a client has for the TLS handshake; None is no limit. As asyncio.
    handshake_timeout: ClassVar[float | None] = 60.0

    def __init__(
        self,
        listener: Any,
        handle: Callable[..., object] | None = None,
        backlog: int | None = None,
        spawn: Any = "default",
        *,
        reuse_port: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        **ssl_args: Any,
    ) -> None:
        if backlog is not None:
            if hasattr(listener, "fileno"):
                raise TypeError("backlog says nothing about a socket that listens already")
            self.backlog = backlog
        self._reuse_port = reuse_port
        self.ssl_context: ssl.SSLContext | None = ssl_context
        if ssl_args and ssl_context is None:
            self.ssl_context = _context(**ssl_args)
        if ssl_context is not None and ssl_args:
            raise TypeError(f"ssl_context says it all: leave out {', '.join(sorted(ssl_args))}")
        super().__init__(listener, handle, spawn)

    @property
    def ssl_enabled(self) -> bool:
        """Whether it serves TLS."""
        return self.ssl_context is not None

    def _bind(self, address: Any) -> socket:
        return bound(address, _stdlib.SOCK_STREAM, self.backlog, self._reuse_port)

    def _take(self) -> tuple[Any, ...]:
        listener = self.socket
        fd, address = _accept(listener)
        sock = green.socket(listener.family, listener.type, listener.proto, fd)
        if sock._gb_limit == 0 and sock.gettimeout() is None:
            sock.setblocking(True)  # some systems let it inherit O_NONBLOCK
        return sock, address

    def _drop(self, args: tuple[Any, ...]) -> None:
        args[0].close()

    def _serve(self, *args: Any) -> None:
        sock, address = args
        try:
            if self.ssl_context is not None:
                sock = self._wrap(sock, address)
                if sock is None:
                    return
            self.handle(sock, address)
        finally:
            args[0].close()
            if sock is not None:
                sock.close()

    def _wrap(self, sock: Any, address: Any) -> ssl.SSLSocket | None:
        """*sock* after the handshake; None if the client did not get through it."""
        context = self.ssl_context
        assert context is not None
        wrapped: ssl.SSLSocket | None = None
        try:
            with Timeout(self.handshake_timeout, TimeoutError("the TLS handshake took too long")):
                wrapped = wrap(context, sock)
                wrapped.do_handshake()
        except OSError as error:  # SSLError is one; so is a client that has gone
            log.info("no TLS connection with %r: %s", address, error)
            if wrapped is not None:
                wrapped.close()
            return None
        return wrapped


def wrap(context: ssl.SSLContext, sock: Any, *, suppress_ragged_eofs: bool = True) -> ssl.SSLSocket:
    """The server's end of TLS on *sock*, green also where ``ssl`` is not patched. No handshake."""
    own: Any = context.sslsocket_class
    if own is not SSLSocket:  # patched, or the user's own class
        return context.wrap_socket(
            sock,
            server_side=True,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=suppress_ragged_eofs,
        )
    made: ssl.SSLSocket = GreenSSLSocket._create(  # type: ignore[attr-defined]
        sock=sock,
        server_side=True,
        do_handshake_on_connect=False,
        suppress_ragged_eofs=suppress_ragged_eofs,
        server_hostname=None,
        context=context,
        session=None,
    )
    return made


def _context(
    certfile: Any = None,
    keyfile: Any = None,
    ca_certs: Any = None,
    cert_reqs: ssl.VerifyMode | None = None,
    ciphers: str | None = None,
) -> ssl.SSLContext:
    if certfile is None:
        raise TypeError("a TLS server needs certfile=..., or ssl_context=...")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile)
    if ca_certs is not None:
        context.load_verify_locations(ca_certs)
    if cert_reqs is not None:
        context.verify_mode = cert_reqs
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context
