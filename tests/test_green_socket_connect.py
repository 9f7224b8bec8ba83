"""Connecting and accepting, over TCP and Unix sockets, with names and with time limits."""

from __future__ import annotations

import errno
import os
import socket as stdlib
import threading
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import socket as green

from .fresh import in_fresh_python
from .socket_worlds import SocketWorld, full_listener, has_ipv6, in_every_world

if TYPE_CHECKING:
    from pathlib import Path

SHORT_S = 0.05


@in_every_world
def test_accept_and_connect(world: SocketWorld) -> None:
    families = [stdlib.AF_INET, *([stdlib.AF_INET6] if has_ipv6() else [])]
    for family in families:
        listener, address = world.listener(family)
        client = world.new(family)
        peer = world.start(client.connect, address)
        with world.waits():
            server, name = listener.accept()
        world.keep(server)
        peer.result()
        assert type(server) is world.socket.socket
        assert name == client.getsockname()
        assert (server.family, server.type, server.proto) == (family, stdlib.SOCK_STREAM, 0)
        assert isinstance(server.family, stdlib.AddressFamily)
        assert isinstance(server.type, stdlib.SocketKind)
        for sock in (listener, server, client):
            assert os.get_blocking(sock.fileno())
        assert not server.get_inheritable()


@in_every_world
def test_accept_times_out_and_works_again(world: SocketWorld) -> None:
    listener, address = world.listener()
    listener.settimeout(SHORT_S)
    with world.waits(), pytest.raises(TimeoutError, match=r"^timed out$"):
        listener.accept()
    listener.settimeout(20)
    peer = world.start(world.socket.create_connection, address)
    server, _ = listener.accept()
    assert server.gettimeout() is None
    assert os.get_blocking(server.fileno())
    world.keep(server)
    world.keep(peer.result())
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


@in_every_world
def test_accepted_and_new_sockets_take_the_default_timeout(world: SocketWorld) -> None:
    listener, address = world.listener()
    stdlib.setdefaulttimeout(7.5)
    try:
        client = world.keep(world.socket.create_connection(address))
        server = world.keep(listener.accept()[0])
        a, b = world.pair()
        assert [s.gettimeout() for s in (client, server, a, b)] == [7.5] * 4
        assert [os.get_blocking(s.fileno()) for s in (client, server, a, b)] == [False] * 4
        explicit = world.keep(world.socket.create_connection(address, timeout=None))
        assert explicit.gettimeout() is None
        peer = world.start(server.sendall, b"x")
        with world.waits():
            assert client.recv(1) == b"x"
        peer.result()
    finally:
        stdlib.setdefaulttimeout(None)


@in_every_world
def test_connect_says_why_it_failed(world: SocketWorld) -> None:
    with stdlib.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    for timeout in (None, 20):
        sock = world.new()
        sock.settimeout(timeout)
        with pytest.raises(ConnectionRefusedError) as caught:
            sock.connect(address)
        assert caught.value.args == (errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        other = world.new()
        other.settimeout(timeout)
        assert other.connect_ex(address) == errno.ECONNREFUSED
        assert os.get_blocking(sock.fileno()) is (timeout is None)


@in_every_world
def test_connect_times_out(world: SocketWorld) -> None:
    address = full_listener(world)
    sock = world.new()
    sock.settimeout(SHORT_S)
    with world.waits(), pytest.raises(TimeoutError, match=r"^timed out$"):
        sock.connect(address)
    other = world.new()
    other.settimeout(SHORT_S)
    with world.waits():
        assert other.connect_ex(address) == errno.EAGAIN
    third = world.new()
    third.setblocking(False)
    assert third.connect_ex(address) == errno.EINPROGRESS
    with pytest.raises(BlockingIOError) as caught:
        third.connect(address)
    assert caught.value.errno == errno.EALREADY


@in_every_world
def test_connect_refuses_what_is_no_address(world: SocketWorld) -> None:
    expected = stdlib.socket()
    sock = world.new()
    world.keep(expected)
    for bad in (None, "host", ("127.0.0.1",), ("127.0.0.1", "80"), ("127.0.0.1", 1, 2), (1, 2)):
        for name in ("connect", "connect_ex", "bind"):
            with pytest.raises(TypeError) as wanted:
                getattr(expected, name)(bad)
            with pytest.raises(TypeError) as got:
                getattr(sock, name)(bad)
            assert str(got.value) == str(wanted.value)
    for name in ("connect", "connect_ex", "bind"):
        with pytest.raises(OverflowError):
            getattr(sock, name)(("127.0.0.1", 70000))
    assert os.get_blocking(sock.fileno())


@in_every_world
def test_a_name_is_resolved_before_connecting(world: SocketWorld) -> None:
    listener, (_, port) = world.listener()
    for host in ("localhost", b"localhost", bytearray(b"127.0.0.1"), "127.1"):
        sock = world.new()
        sock.connect((host, port))
        world.keep(listener.accept()[0])
        assert sock.getpeername() == ("127.0.0.1", port)
    bound = world.new()
    bound.bind(("localhost", 0))
    assert bound.getsockname()[0] == "127.0.0.1"
    with pytest.raises(stdlib.gaierror):
        world.new().connect((b"a" * 70, port))


@in_every_world
def test_unix_sockets_by_path_and_by_abstract_name(world: SocketWorld, tmp_path: Path) -> None:
    for name in (str(tmp_path / "s"), b"\0greenbridge-%d" % os.getpid()):
        listener = world.new(stdlib.AF_UNIX)
        listener.bind(name)
        listener.listen()
        client = world.new(stdlib.AF_UNIX)
        peer = world.start(client.connect, name)
        server = world.keep(listener.accept()[0])
        peer.result()
        peer = world.start(client.sendall, b"hello")
        with world.waits():
            assert server.recv(10) == b"hello"
        peer.result()
        assert client.getpeername() == name


@in_every_world
def test_connecting_to_a_full_unix_socket_waits_until_somebody_is_accepted(
    world: SocketWorld, tmp_path: Path
) -> None:
    listener = world.new(stdlib.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen(0)
    world.new(stdlib.AF_UNIX).connect(str(tmp_path / "s"))
    hasty = world.new(stdlib.AF_UNIX)
    hasty.settimeout(5)
    with pytest.raises(BlockingIOError):
        hasty.connect(str(tmp_path / "s"))  # as the stdlib: with a timeout it does not wait
    peers = [world.start(listener.accept) for _ in range(2)]
    with world.waits():
        world.new(stdlib.AF_UNIX).connect(str(tmp_path / "s"))
    for peer in peers:
        world.keep(peer.result()[0])


@in_fresh_python
def test_after_a_fork_a_listener_stays_as_the_first_accept_made_it() -> None:
    # Parent and child share the flag: put back by one, it would make the other's accept block.
    def take_one(sock: Any) -> None:
        server, _ = sock.accept()
        server.close()

    def visit(address: Any) -> None:
        stdlib.create_connection(address).close()

    with green.create_server(("127.0.0.1", 0)) as listener:
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)

        def main() -> None:
            taker = greenbridge.spawn(take_one, listener)
            greenbridge.sleep(0)
            visit(listener.getsockname())
            taker.get(timeout=20)

        greenbridge.run(main)
        assert listener.gettimeout() is None
        assert not os.get_blocking(listener.fileno())
        visitor = threading.Timer(SHORT_S, visit, [listener.getsockname()])
        visitor.start()
        take_one(listener)  # in a native thread it waits all the same
        visitor.join()
