"""What the tests of servers share: a handler that echoes, and its clients."""

from __future__ import annotations

import socket as stdlib
from typing import TYPE_CHECKING, Any

from greenbridge.green import socket as green

from .green import LONG

if TYPE_CHECKING:
    from greenbridge.servers import StreamServer


def echo(sock: stdlib.socket, address: Any) -> None:
    while data := sock.recv(1000):
        sock.sendall(data)


def connect(server: StreamServer) -> stdlib.socket:
    client = green.create_connection(server.address[:2], timeout=LONG)
    assert isinstance(client, stdlib.socket)
    return client


def ask(client: stdlib.socket, data: bytes) -> bytes:
    client.sendall(data)
    return client.recv(1000)
