"""The workloads as plain blocking code; each peer runs the same lines.

Every body takes the peer and the number of operations and returns the value
of its row in ``_workloads.py``: seconds for all of them, MB/s or bytes.
"""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ._clock import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._peers import BlockingPeer

__all__ = ("BODIES", "CERTIFICATE", "resident_bytes")

CERTIFICATE: Final = str(Path(__file__).with_name("localhost.pem"))
_MESSAGE: Final = b"x" * 64
_MB: Final = 1_000_000
_KIB: Final = 1024
_BULK_BYTES: Final = 64 * _MB
_BULK_CHUNK: Final = 65_536


def resident_bytes() -> int:
    """Memory of its own that this process holds now (Linux).

    Without mapped files: their pages come and go with what the machine has to spare.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * _KIB


def _nothing() -> None:
    pass


def sleep0(peer: BlockingPeer, n: int) -> float:
    rounds = max(n // 10, 1)

    def body() -> None:
        sleep = peer.sleep
        for _ in range(rounds):
            sleep(0)

    handles = [peer.spawn(body) for _ in range(10)]
    start = now()
    peer.joinall(handles)
    return now() - start


def spawn_join(peer: BlockingPeer, n: int) -> float:
    start = now()
    peer.joinall([peer.spawn(_nothing) for _ in range(n)])
    return now() - start


def spawn_join_1k(peer: BlockingPeer, n: int) -> float:
    start = now()
    for _ in range(max(n // 1000, 1)):
        peer.joinall([peer.spawn(_nothing) for _ in range(min(n, 1000))])
    return now() - start


def _ask(sock: Any, n: int) -> None:
    for _ in range(n):
        sock.sendall(_MESSAGE)
        sock.recv(100)


def _answer(sock: Any) -> None:
    while data := sock.recv(100):
        sock.sendall(data)


def _socketpair(peer: BlockingPeer, n: int, timeout: float | None) -> float:
    left, right = peer.socket.socketpair()
    for sock in (left, right):
        sock.settimeout(timeout)

    def answer() -> None:
        for _ in range(n):
            right.sendall(right.recv(100))

    server = peer.spawn(answer)
    start = now()
    peer.joinall([server, peer.spawn(_ask, left, n)])
    elapsed = now() - start
    left.close()
    right.close()
    return elapsed


def socketpair(peer: BlockingPeer, n: int) -> float:
    return _socketpair(peer, n, None)


def socketpair_timeout(peer: BlockingPeer, n: int) -> float:
    return _socketpair(peer, n, 5.0)


def _connections(
    peer: BlockingPeer, count: int, handle: Callable[[Any], None]
) -> tuple[list[Any], Callable[[], None]]:
    """``count`` connected clients, each served by ``handle``; and how to end it."""
    listener = peer.socket.create_server(("127.0.0.1", 0), backlog=1024)
    handlers: list[Any] = []

    def serve() -> None:
        for _ in range(count):
            sock, _ = listener.accept()
            handlers.append(peer.spawn(handle, sock))

    server = peer.spawn(serve)
    clients = []
    for _ in range(count):
        clients.append(peer.socket.create_connection(listener.getsockname()))
        peer.sleep(0)
    peer.join(server)

    def end() -> None:
        for client in clients:
            client.close()
        peer.joinall(handlers)
        listener.close()

    return clients, end


def _echo(peer: BlockingPeer, n: int, count: int, timeout: float | None) -> float:
    def handle(sock: Any) -> None:
        sock.settimeout(timeout)
        _answer(sock)
        sock.close()

    clients, end = _connections(peer, count, handle)
    for client in clients:
        client.settimeout(timeout)
    start = now()
    peer.joinall([peer.spawn(_ask, client, max(n // count, 1)) for client in clients])
    elapsed = now() - start
    end()
    return elapsed * n / (max(n // count, 1) * count)


def echo_1(peer: BlockingPeer, n: int) -> float:
    return _echo(peer, n, 1, None)


def echo_100(peer: BlockingPeer, n: int) -> float:
    return _echo(peer, n, 100, None)


def echo_1000(peer: BlockingPeer, n: int) -> float:
    return _echo(peer, n, 1000, None)


def echo_1_timeout(peer: BlockingPeer, n: int) -> float:
    return _echo(peer, n, 1, 5.0)


def echo_100_timeout(peer: BlockingPeer, n: int) -> float:
    return _echo(peer, n, 100, 5.0)


def bulk(peer: BlockingPeer, n: int) -> float:
    received = 0

    def take(sock: Any) -> None:
        nonlocal received
        while data := sock.recv(_BULK_CHUNK):
            received += len(data)
            if received % _BULK_BYTES == 0:
                sock.sendall(b"!")
        sock.close()

    clients, end = _connections(peer, 1, take)
    payload = bytes(_BULK_BYTES)

    def give() -> None:
        for _ in range(n):
            clients[0].sendall(payload)
            clients[0].recv(1)

    start = now()
    peer.join(peer.spawn(give))
    elapsed = now() - start
    end()
    return n * _BULK_BYTES / _MB / elapsed


def tls_echo(peer: BlockingPeer, n: int) -> float:
    server_side = peer.ssl.SSLContext(peer.ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(CERTIFICATE)
    client_side = peer.ssl.create_default_context(cafile=CERTIFICATE)

    def handle(sock: Any) -> None:
        tls = server_side.wrap_socket(sock, server_side=True)
        _answer(tls)
        tls.close()

    clients, end = _connections(peer, 1, handle)
    clients[0] = client_side.wrap_socket(clients[0], server_hostname="localhost")
    start = now()
    peer.join(peer.spawn(_ask, clients[0], n))
    elapsed = now() - start
    end()
    return elapsed


def timeout(peer: BlockingPeer, n: int) -> float:
    def body() -> None:
        for _ in range(n):
            with peer.timeout(5):
                pass

    start = now()
    peer.join(peer.spawn(body))
    return now() - start


def _parked(peer: BlockingPeer, n: int, wait: Callable[[], object]) -> float:
    """Bytes that each of ``n`` threads in ``wait`` costs; they die with the process."""
    begun = 0

    def body() -> None:
        nonlocal begun
        begun += 1
        wait()

    gc.collect()
    before = resident_bytes()
    handles = [peer.spawn(body) for _ in range(n)]
    while begun < n:
        peer.sleep(0.05)
    peer.sleep(0.05)  # the last one is in its wait by then
    after = resident_bytes()
    assert len(handles) == n
    return (after - before) / n


def parked_sleep(peer: BlockingPeer, n: int) -> float:
    return _parked(peer, n, lambda: peer.sleep(3600))


def parked_join(peer: BlockingPeer, n: int) -> float:
    gate = peer.spawn(peer.sleep, 3600)
    return _parked(peer, n, lambda: peer.join(gate))


def _getaddrinfo(peer: BlockingPeer, n: int, host: str) -> float:
    def body() -> None:
        for _ in range(n):
            peer.socket.getaddrinfo(host, 80)

    start = now()
    peer.join(peer.spawn(body))
    return now() - start


def getaddrinfo_literal(peer: BlockingPeer, n: int) -> float:
    return _getaddrinfo(peer, n, "127.0.0.1")


def getaddrinfo_name(peer: BlockingPeer, n: int) -> float:
    return _getaddrinfo(peer, n, "localhost")


BODIES: Final[dict[str, Callable[[BlockingPeer, int], float]]] = {
    body.__name__: body
    for body in (
        sleep0,
        spawn_join,
        spawn_join_1k,
        socketpair,
        socketpair_timeout,
        echo_1,
        echo_100,
        echo_1000,
        echo_1_timeout,
        echo_100_timeout,
        bulk,
        tls_echo,
        timeout,
        parked_sleep,
        parked_join,
        getaddrinfo_literal,
        getaddrinfo_name,
    )
}
