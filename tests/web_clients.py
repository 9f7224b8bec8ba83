"""Clients of a web server, honest and bad, which check every answer that they get."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from .gunicorn_server import received

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from .gunicorn_server import Gunicorn

__all__ = ("BAD", "Clients", "honest", "patient")

#: Bytes of an answer that does not fit into the buffers of a socket.
LARGE: Final = 3_000_000
#: Bytes of a header or a request line above gunicorn's limits (8190 and 4094).
OVERSIZED: Final = 20_000


class Clients:
    """What several threads of clients do and see.

    Args:
        server: whom they ask.
        chance: what they do at random; all of them share it.
    """

    def __init__(self, server: Gunicorn, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.stopped = threading.Event()
        self.done: Counter[str] = Counter()
        self.unanswered: list[str] = []
        self.errors: list[str] = []

    def __str__(self) -> str:
        said = ", ".join(f"{count} {name}" for name, count in sorted(self.done.items()))
        return f"{said}; {len(self.unanswered)} not answered"

    def keep_on(self, kind: Callable[[Clients], None]) -> None:
        """Do *kind* until the load is stopped, or something is wrong."""
        try:
            while not self.stopped.is_set():
                kind(self)
                self.done[kind.__name__] += 1
        except BaseException as error:
            self.errors.append(f"{kind.__name__}: {error!r}")

    def check(self) -> None:
        """Raise AssertionError if a client saw something wrong."""
        assert not self.errors, f"{self.errors}\n{self.server.log}"

    def pause(self, most: float) -> None:
        self.stopped.wait(self.chance.random() * most)

    def body(self) -> bytes:
        """Something that no other request has."""
        return self.chance.randbytes(self.chance.choice((10, 1_000, 60_000)))


def _echo(body: bytes, *headers: str) -> bytes:
    lines = ["POST /echo HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _body_of(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer[:200]
    return body


def honest(clients: Clients) -> None:
    """Several questions on one connection, each answered with what was sent."""
    connection = clients.server.http()
    try:
        for _ in range(clients.chance.randrange(1, 20)):
            sent = clients.body()
            connection.request("POST", "/echo", sent)
            assert connection.getresponse().read() == sent
    finally:
        connection.close()


def patient(clients: Clients) -> None:
    """One question on a connection of its own, which may get no answer, but not a wrong one."""
    sent = clients.body()
    try:
        with clients.server.connect() as sock:
            sock.sendall(_echo(sent, "Connection: close"))
            answer = received(sock)
    except OSError as error:
        clients.unanswered.append(repr(error))
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    whole = f"\r\nContent-Length: {len(sent)}\r\n".encode() in head + b"\r\n"
    if not whole or len(body) < len(sent):
        clients.unanswered.append(f"{len(answer)} bytes")
        assert not head or head.startswith(b"HTTP/1.1 200"), answer[:200]
        assert sent.startswith(body), "a part of a wrong answer"
    else:
        assert body == sent, "a wrong answer"


def slow_to_ask(clients: Clients) -> None:
    """The request comes in small pieces."""
    sent = clients.chance.randbytes(100)
    request = _echo(sent, "Connection: close")
    with clients.server.connect() as sock:
        for start in range(0, len(request), 40):
            sock.sendall(request[start : start + 40])
            clients.pause(0.05)
        assert _body_of(received(sock)) == sent


def slow_to_read(clients: Clients) -> None:
    """The answer is larger than the buffers, and is read after a while."""
    with clients.server.connect() as sock:
        sock.sendall(f"GET /large?size={LARGE} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        clients.pause(0.3)
        parts = []
        while data := sock.recv(100_000):
            parts.append(data)
            time.sleep(0.001)
        assert len(_body_of(b"".join(parts))) == LARGE


def half_closed(clients: Clients) -> None:
    """Nothing more will be said, before the answer comes; or in the middle of the request."""
    sent = clients.body()
    request = _echo(sent)
    cut = clients.chance.random() < 0.5
    with clients.server.connect() as sock:
        sock.sendall(request[: len(request) // 2] if cut else request)
        sock.shutdown(socket.SHUT_WR)
        answer = received(sock)
    if not cut:
        assert _body_of(answer) == sent
    else:
        assert sent not in answer


def too_large(clients: Clients) -> None:
    """A header or a request line above the limits is refused."""
    what = "a" * OVERSIZED
    line = f"GET /{what} HTTP/1.1" if clients.chance.random() < 0.5 else "GET / HTTP/1.1"
    with clients.server.connect() as sock, contextlib.suppress(ConnectionError):
        # The server may be gone before it has read all: then there is no answer to read.
        sock.sendall(f"{line}\r\nHost: x\r\nX-Large: {what}\r\n\r\n".encode())
        answer = received(sock)
        assert answer.startswith(b"HTTP/1.1 4"), answer[:200]


def _leave(clients: Clients, sock: socket.socket) -> None:
    """Close, in half of the cases with a reset."""
    if clients.chance.random() < 0.5:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def aborts_upload(clients: Clients) -> None:
    """A part of a body, and no more."""
    with clients.server.connect() as sock:
        sock.sendall(_echo(bytes(1_000_000))[: clients.chance.randrange(20, 100_000)])
        clients.pause(0.1)  # who waits for no answer is no brake: an overload is not the subject
        _leave(clients, sock)


def leaves_early(clients: Clients) -> None:
    """Goes away while the answer comes, or while the handler waits."""
    path = clients.chance.choice((f"/large?size={LARGE}", "/sleep?s=0.1"))
    with clients.server.connect() as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        clients.pause(0.2)
        _leave(clients, sock)


def says_nothing(clients: Clients) -> None:
    """Connects, and waits."""
    with clients.server.connect() as sock:
        clients.pause(0.5)
        _leave(clients, sock)


#: All of them that are not as a client should be.
BAD: Final[tuple[Any, ...]] = (
    slow_to_ask, slow_to_read, half_closed, too_large, aborts_upload, aborts_upload, leaves_early,
    says_nothing,
)  # fmt: skip
