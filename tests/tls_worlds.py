"""TLS contexts, certificates and connections for tests in every world."""

from __future__ import annotations

import socket as stdlib_socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

import greenbridge
from greenbridge.green import socket as green_socket
from greenbridge.green.ssl import SSLSocket

from .worlds import LONG
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from .worlds import World

SHORT = 0.05  # seconds
MUCH = 20_000_000  # bytes, more than the buffers of a TCP connection take
CA = trustme.CA()
CERTIFICATE = CA.issue_cert("localhost", "127.0.0.1")


class Tls:
    """TLS contexts and connections of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.server = self.context(ssl.PROTOCOL_TLS_SERVER)
        CERTIFICATE.configure_cert(self.server)
        self.client = self.context(ssl.PROTOCOL_TLS_CLIENT)
        CA.configure_trust(self.client)
        self.module: Any = stdlib_socket if world.original else green_socket

    def context(self, protocol: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        if not self.world.original:
            context.sslsocket_class = SSLSocket
        return context

    def plain(self) -> tuple[Any, Any]:
        """Two connected sockets, with a timeout that ends a test that hangs.

        TCP: on a Unix socket OpenSSL 3.5 meets EPIPE where TCP gives it the end of the stream.
        """
        with self.module.create_server(("127.0.0.1", 0)) as listener:
            a = self.module.create_connection(listener.getsockname())
            b, _ = listener.accept()
        a.settimeout(LONG)
        b.settimeout(LONG)
        return a, b

    def serve(self, sock: Any, **options: Any) -> Any:
        return self.server.wrap_socket(sock, server_side=True, **options)

    def pair(self, **options: Any) -> tuple[Any, Any]:
        """A client and a server that have shaken hands."""
        a, b = self.plain()
        serving = self.world.start(lambda: self.serve(b, **options))
        client = self.client.wrap_socket(a, server_hostname="localhost", **options)
        server = serving.result()
        if not self.world.original:
            assert isinstance(client, SSLSocket)
            assert isinstance(server, SSLSocket)
        return client, server


@pytest.fixture
def tls(world: World) -> Tls:
    return Tls(world)


@pytest.fixture
def green_tls(loop_factory: Any) -> Any:
    """Run a function in green code, on each loop; it gets the contexts."""
    from .worlds import World

    def run(body: Callable[[Tls], None]) -> None:
        greenbridge.run(lambda: body(Tls(World("uvloop"))), loop_factory=loop_factory)

    return run


def receive(sock: Any, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        data = sock.recv(count - len(got))
        if not data:
            break
        got += data
    return bytes(got)


def error_of(call: Callable[..., Any], *args: Any) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:
        call(*args)
    return type(caught.value).__name__, str(caught.value)
