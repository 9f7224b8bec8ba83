"""StreamServer: real connections, backpressure, TLS, errors, and a clean end."""

from __future__ import annotations

import asyncio
import errno
import socket as stdlib
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import greenbridge
from greenbridge import Event, Pool, sleep, spawn
from greenbridge.green import socket as green
from greenbridge.servers import StreamServer
from greenbridge.testing import assert_no_leaks, assert_switches

from .echo_servers import ask, connect, echo
from .green import LONG, SHORT, in_green, run_green, until
from .socket_worlds import has_ipv6


@in_green
def test_it_serves_many_clients_at_once() -> None:
    with assert_no_leaks():
        with StreamServer("127.0.0.1:0", echo, spawn=50) as server:
            clients = [connect(server) for _ in range(20)]
            with assert_switches(at_least=20):
                for n, client in enumerate(clients):
                    assert ask(client, b"%d" % n) == b"%d" % n
            for client in clients:
                client.close()
        assert server.closed
        assert not server.started
        with pytest.raises(OSError):
            connect(server)


@pytest.mark.parametrize(
    "listener",
    ["127.0.0.1:0", ("127.0.0.1", 0), ("localhost", 0), 0, ":0", "*:0", ("", 0)],
    ids=repr,
)
def test_addresses(listener: Any) -> None:
    def main() -> None:
        with StreamServer(listener, echo) as server:
            assert server.server_port > 0
            assert repr(server.server_port) in repr(server)
            with green.create_connection(("127.0.0.1", server.server_port), LONG) as client:
                assert ask(client, b"x") == b"x"

    greenbridge.run(main)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@in_green
def test_ipv6() -> None:
    with StreamServer("[::1]:0", echo) as server, connect(server) as client:
        assert server.server_host == "::1"
        assert client.family == stdlib.AF_INET6
        assert ask(client, b"x") == b"x"


@pytest.mark.parametrize("form", [Path, str, "unix:{}".format], ids=["Path", "str", "unix:"])
def test_unix_sockets_come_and_go_with_the_server(tmp_path: Path, form: Any) -> None:
    path = tmp_path / "socket"

    def main() -> None:
        for _ in range(2):  # the second finds what a server that was killed has left
            left = stdlib.socket(stdlib.AF_UNIX)
            left.bind(str(path))
            left.close()
            with StreamServer(form(path), echo), green.socket(stdlib.AF_UNIX) as client:
                client.connect(str(path))
                assert ask(client, b"x") == b"x"
            assert not path.exists()

    greenbridge.run(main)


@in_green
def test_a_unix_socket_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    first = StreamServer(path, echo)
    first.start()
    with StreamServer(path, echo):
        first.stop()
        assert path.exists()
    path.write_text("a file")
    with pytest.raises(OSError, match="socket"):
        StreamServer(path, echo).start()
    assert path.read_text() == "a file"


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((b"x",), TypeError, "needs an address"),
        ((True,), TypeError, "needs an address"),
        (("localhost",), ValueError, "no port number"),
        (("127.0.0.1:0", 5), TypeError, "handle must be a function"),
        (("127.0.0.1:0", echo, None, True), TypeError, "spawn must be"),
        (("127.0.0.1:0", echo, None, 0), ValueError, "room for at least one"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        greenbridge.run(lambda: StreamServer(*arguments).start())


@in_green
def test_a_socket_that_listens_may_be_given() -> None:
    with stdlib.create_server(("127.0.0.1", 0)) as listener:
        with StreamServer(listener, echo) as server, connect(server) as client:
            assert ask(client, b"x") == b"x"
        assert listener.fileno() == -1
    with stdlib.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(TypeError, match="backlog"):
            StreamServer(listener, echo, backlog=5)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        wrapped = context.wrap_socket(listener, server_side=True)
        with wrapped, pytest.raises(TypeError, match="plain socket"):
            StreamServer(wrapped, echo)


@in_green
def test_an_address_in_use_is_an_error_with_its_name() -> None:
    with StreamServer("127.0.0.1:0", echo) as server:
        second = StreamServer(server.address, echo)
        with pytest.raises(OSError, match=str(server.server_port)) as caught:
            second.start()
        assert caught.value.errno == errno.EADDRINUSE
        assert not second.started


@in_green
def test_several_servers_may_share_a_port() -> None:
    names: list[str] = []

    def named(name: str, sock: stdlib.socket, address: Any) -> None:
        names.append(name)

    first = StreamServer("127.0.0.1:0", partial(named, "a"), reuse_port=True)
    with first, StreamServer(first.address, partial(named, "b"), reuse_port=True):
        for _ in range(50):
            with connect(first) as client:
                assert client.recv(1) == b""
    assert set(names) == {"a", "b"}


@pytest.mark.parametrize("kind", ["number", "pool"])
@in_green
def test_a_full_pool_accepts_nothing(kind: str) -> None:
    go = Event()
    begun: list[int] = []

    def handle(sock: stdlib.socket, address: Any) -> None:
        begun.append(address[1])
        go.wait(LONG)
        sock.sendall(b"done")

    with StreamServer("127.0.0.1:0", handle, spawn=2 if kind == "number" else Pool(2)) as server:
        clients = [connect(server) for _ in range(4)]
        until(lambda: len(begun) == 2)
        sleep(SHORT)
        assert begun == [client.getsockname()[1] for client in clients[:2]]
        assert server.full()
        # The others were not accepted: the kernel has them.
        assert server.socket.fileno() in readable(server.socket.fileno())
        go.set()
        assert [client.recv(10) for client in clients] == [b"done"] * 4
        for client in clients:
            client.close()


def readable(fd: int) -> list[int]:
    import select

    return select.select([fd], [], [], 0)[0]


@in_green
def test_without_spawning_one_after_another_is_served() -> None:
    running = 0

    def handle(sock: stdlib.socket, address: Any) -> None:
        nonlocal running
        running += 1
        assert running == 1
        sleep(SHORT)
        running -= 1
        sock.sendall(b"done")
        if address[1] == clients[0].getsockname()[1]:
            raise ValueError("reported, and the next is served")

    with StreamServer("127.0.0.1:0", handle, spawn=None) as server:
        clients = [connect(server) for _ in range(3)]
        assert [client.recv(10) for client in clients] == [b"done"] * 3
        for client in clients:
            client.close()


@in_green
def test_a_function_may_spawn() -> None:
    made: list[Any] = []

    def own(fn: Any, *args: Any) -> None:
        made.append(spawn(fn, *args))

    with StreamServer("127.0.0.1:0", echo, spawn=own) as server, connect(server) as client:
        assert ask(client, b"x") == b"x"
    assert len(made) == 1


def test_an_error_in_a_handler_is_reported_and_serving_goes_on() -> None:
    reports: list[dict[str, Any]] = []

    def handle(sock: stdlib.socket, address: Any) -> None:
        if sock.recv(10) == b"fail":
            raise ZeroDivisionError
        sock.sendall(b"fine")

    def main() -> None:
        with StreamServer("127.0.0.1:0", handle) as server:
            with connect(server) as client:
                assert ask(client, b"fail") == b""
            with connect(server) as client:
                assert ask(client, b"x") == b"fine"

    run_green(main, loop_factory=asyncio.new_event_loop, reports=reports)
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


@in_green
def test_handle_may_be_a_method() -> None:
    class Shouting(StreamServer):
        def handle(self, *args: Any) -> None:
            sock, _ = args
            sock.sendall(sock.recv(10).upper())

    with Shouting("127.0.0.1:0") as server, connect(server) as client:
        assert ask(client, b"x") == b"X"
    with pytest.raises(NotImplementedError, match="Give it a function"):
        StreamServer("127.0.0.1:0").handle()
