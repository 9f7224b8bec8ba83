"""Streams: receiving, sending, connecting, accepting, and the stdlib's rules for timeouts."""

from __future__ import annotations

import array
import errno
import gc
import math
import os
import socket as stdlib
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge

from .socket_worlds import SocketWorld, drained, has_ipv6, in_every_world, in_green_worlds

if TYPE_CHECKING:
    from pathlib import Path

BIG = os.urandom(3_000_000)
SHORT_S = 0.05


@in_every_world
def test_recv_waits_for_data_and_then_for_the_end(world: SocketWorld) -> None:
    a, b = world.pair()
    peer = world.start(b.sendall, b"one")
    with world.waits():
        assert a.recv(100) == b"one"
    peer.result()
    peer = world.start(b.shutdown, stdlib.SHUT_WR)
    with world.waits():
        assert a.recv(100) == b""
    assert a.recv(100) == b""
    peer.result()


@in_every_world
def test_recv_takes_what_is_there_in_pieces_of_any_size(world: SocketWorld) -> None:
    a, b = world.pair()
    b.sendall(b"abcdef")
    assert a.recv(0) == b""
    assert a.recv(2) == b"ab"
    assert a.recv(3) == b"cde"
    assert a.recv(3) == b"f"
    b.sendall(b"g")
    assert a.recv(3) == b"g"


@in_every_world
@pytest.mark.parametrize("kind_of_buffer", [bytearray, memoryview, array.array])
def test_recv_into_fills_any_buffer(world: SocketWorld, kind_of_buffer: Any) -> None:
    a, b = world.pair()
    if kind_of_buffer is array.array:
        buffer: Any = array.array("i", range(5))
    else:
        buffer = kind_of_buffer(bytearray(20))
    size = memoryview(buffer).nbytes
    peer = world.start(b.sendall, b"x" * 10)
    with world.waits():
        assert a.recv_into(buffer) == 10
    assert bytes(memoryview(buffer).cast("B")[:10]) == b"x" * 10
    peer.result()
    b.sendall(b"y" * 20)
    assert a.recv_into(buffer, 4) == 4
    assert a.recv_into(buffer, nbytes=6, flags=stdlib.MSG_PEEK) == 6
    assert a.recv_into(buffer) == 16
    with pytest.raises(ValueError, match="buffer too small"):
        a.recv_into(buffer, size + 1)


@in_every_world
def test_what_can_receive_nothing_does_not_wait(world: SocketWorld) -> None:
    a, b = world.pair()
    for _ in range(2):  # the second time, the socket is known to be empty
        assert a.recv(0) == b""
        assert a.recv_into(bytearray()) == 0
        for call, error in [
            (lambda: a.recv(-1), ValueError),
            (lambda: a.recv("1"), TypeError),
            (lambda: a.recv_into(b"constant"), (TypeError, BufferError)),
            (lambda: a.recv_into(5), TypeError),
            (lambda: a.recv_into(bytearray(1), 2), ValueError),
            (lambda: a.recv_into(bytearray(1), -1), ValueError),
        ]:
            with pytest.raises(error):
                call()
        b.sendall(b"x")
        assert a.recv(2) == b"x"


@in_every_world
def test_send_waits_for_room_and_sends_a_part(world: SocketWorld) -> None:
    a, b = world.pair()
    with pytest.raises(BlockingIOError):
        while True:
            a.send(bytes(65536), stdlib.MSG_DONTWAIT)
    sizes: list[int] = []
    peer = world.start(lambda: sizes.extend(len(piece) for piece in drained(b)))
    with world.waits():
        assert 0 < a.send(b"z" * 1000) <= 1000
    a.close()
    peer.result()
    assert sum(sizes) > 65536


@in_every_world
@pytest.mark.parametrize("timeout", [None, 20])
@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_sendall_sends_everything(world: SocketWorld, make: Any, timeout: float | None) -> None:
    a, b = world.pair()
    a.settimeout(timeout)
    peer = world.start(lambda: b"".join(drained(b)))
    with world.waits():
        assert a.sendall(make(BIG)) is None
    a.close()
    assert peer.result() == BIG


@in_every_world
def test_sendall_counts_bytes_and_not_items(world: SocketWorld) -> None:
    a, b = world.pair()
    data = array.array("q", range(200_000))
    peer = world.start(lambda: b"".join(drained(b)))
    a.sendall(data)
    a.sendall(memoryview(data)[:0])
    a.sendall(b"")
    a.close()
    assert peer.result() == data.tobytes()
    data.append(1)  # nothing holds its buffer any more


@in_every_world
def test_sendall_lets_go_of_the_buffer_when_it_fails(world: SocketWorld) -> None:
    a, _ = world.pair()
    a.settimeout(SHORT_S)
    data = bytearray(BIG)
    with world.waits(), pytest.raises(TimeoutError, match="^timed out$") as caught:
        a.sendall(data)
    data.append(1)
    assert caught.value.errno is None


@in_every_world
def test_the_timeout_of_sendall_counts_for_all_of_it(world: SocketWorld) -> None:
    a, b = world.pair()
    a.settimeout(0.2)
    stop = False

    def sip() -> None:
        while not stop:
            b.recv(4096)
            (greenbridge.sleep if world.green else time.sleep)(0.01)

    peer = world.start(sip)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        a.sendall(bytes(50_000_000))
    assert 0.19 < time.monotonic() - began < 3
    stop = True
    a.close()
    peer.result()


def read_file(sock: Any) -> None:
    with sock.makefile("rb", 0) as file:
        file.read(1)


@in_every_world
@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.recv(1),
        lambda s: s.recv_into(bytearray(1)),
        lambda s: s.recvfrom(1),
        lambda s: s.recvfrom_into(bytearray(1)),
        lambda s: s.recvmsg(1),
        lambda s: s.recvmsg_into([bytearray(1)]),
        lambda s: read_file(s),
    ],
    ids=["recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into", "makefile"],
)
def test_receiving_times_out(world: SocketWorld, call: Any) -> None:
    a, _ = world.pair()
    a.settimeout(SHORT_S)
    for _ in range(2):
        began = time.monotonic()
        with world.waits(), pytest.raises(TimeoutError, match="^timed out$") as caught:
            call(a)
        assert caught.value.errno is None
        assert caught.value.__context__ is None
        assert SHORT_S * 0.9 < time.monotonic() - began < 5


@in_every_world
def test_a_non_blocking_socket_never_waits(world: SocketWorld) -> None:
    a, b = world.pair()
    a.setblocking(False)
    file = a.makefile("rb", 0)
    for _ in range(2):
        for call in (
            lambda: a.recv(9),
            lambda: a.recv_into(bytearray(9)),
            lambda: a.recvfrom(9),
            lambda: a.recvmsg(9),
            lambda: a.recv(9, stdlib.MSG_WAITALL),
        ):
            with pytest.raises(BlockingIOError):
                call()
        assert file.read(9) is None
        b.sendall(b"x")
        assert a.recv(9) == b"x"
    file.close()
    with pytest.raises(BlockingIOError):
        a.sendall(bytes(50_000_000))
    with pytest.raises(BlockingIOError):
        while True:
            a.send(bytes(65536))


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
        assert os.get_blocking(listener.fileno()) and os.get_blocking(server.fileno())
        assert os.get_blocking(client.fileno())
        assert not server.get_inheritable()


@in_every_world
def test_accept_times_out_and_works_again(world: SocketWorld) -> None:
    listener, address = world.listener()
    listener.settimeout(SHORT_S)
    with world.waits(), pytest.raises(TimeoutError, match="^timed out$"):
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


def full_listener(world: SocketWorld) -> Any:
    """The address of a listener that completes no further connection."""
    listener = world.keep(stdlib.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(8):
        filler = world.keep(stdlib.socket())
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    return listener.getsockname()


@in_every_world
def test_connect_times_out(world: SocketWorld) -> None:
    address = full_listener(world)
    sock = world.new()
    sock.settimeout(SHORT_S)
    with world.waits(), pytest.raises(TimeoutError, match="^timed out$"):
        sock.connect(address)
    other = world.new()
    other.settimeout(SHORT_S)
    with world.waits():
        assert other.connect_ex(address) == errno.EAGAIN
    third = world.new()
    third.setblocking(False)
    assert third.connect_ex(address) == errno.EINPROGRESS
    with pytest.raises(BlockingIOError) as caught:
        world.new().setblocking(False)
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
        world.new().connect(("name.invalid", port))


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


@in_every_world
def test_timeouts_are_set_and_reported_as_by_the_stdlib(world: SocketWorld) -> None:
    expected, sock = world.keep(stdlib.socket()), world.new()
    for value in (None, 0, 0.0, 1, 2.5, True, 1e-10, 1 / 3, 10**6, False, None):
        for each in (expected, sock):
            each.settimeout(value)
        assert sock.gettimeout() == expected.gettimeout() == sock.timeout
        assert type(sock.gettimeout()) is type(expected.gettimeout())
        assert sock.getblocking() is expected.getblocking()
        assert os.get_blocking(sock.fileno()) is os.get_blocking(expected.fileno())
    for flag in (True, False, 1, 0, "x", ""):
        for each in (expected, sock):
            each.setblocking(flag)
        assert sock.gettimeout() == expected.gettimeout()
        assert os.get_blocking(sock.fileno()) is os.get_blocking(expected.fileno())
    for bad in (-1, -0.1, math.nan, "1", object(), math.inf, 1e300):
        errors = []
        for each in (expected, sock):
            with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
                each.settimeout(bad)
            errors.append((type(caught.value), str(caught.value)))
        assert errors[0] == errors[1]
        assert sock.gettimeout() == expected.gettimeout()
    with pytest.raises(AttributeError):
        sock.timeout = 5


@in_green_worlds
def test_a_loop_is_never_held_up(world: SocketWorld) -> None:
    listener, address = world.listener()
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            greenbridge.sleep(0.001)

    ticker = greenbridge.spawn(tick)
    for timeout in (None, 20):
        client = world.new()
        listener.settimeout(timeout)
        client.settimeout(timeout)

        def serve() -> None:
            greenbridge.sleep(SHORT_S)
            server = world.keep(listener.accept()[0])
            greenbridge.sleep(SHORT_S)
            server.sendall(BIG)
            server.close()

        peer = world.start(serve)
        client.connect(address)
        before = ticks
        assert b"".join(drained(client)) == BIG
        assert ticks - before > 10
        peer.result()
    ticker.kill()


@in_green_worlds
def test_whatever_interrupts_a_wait_takes_nothing_with_it(world: SocketWorld) -> None:
    a, b = world.pair()
    for exception in (None, TimeoutError("mine"), KeyError("mine")):
        caught = BaseException if exception is None else type(exception)
        with pytest.raises(caught) as info, greenbridge.Timeout(SHORT_S, exception):
            a.recv(10)
        assert info.value.__context__ is None
        if exception is not None:
            assert info.value is exception
    reader = greenbridge.spawn(a.recv, 10)
    greenbridge.sleep(0)
    reader.kill()
    b.sendall(b"kept")
    assert a.recv(10) == b"kept"
    listener, address = world.listener()
    acceptor = greenbridge.spawn(listener.accept)
    greenbridge.sleep(0)
    acceptor.kill()
    world.keep(world.socket.create_connection(address))
    world.keep(listener.accept()[0])
    sock = world.new()
    with pytest.raises(TimeoutError, match="mine"):
        with greenbridge.Timeout(SHORT_S, TimeoutError("mine")):
            sock.connect_ex(full_listener(world))  # not swallowed as an errno


def test_an_unclosed_socket_warns_at_the_line_that_lost_it_and_is_closed() -> None:
    def lose() -> int:
        sock = world_socket.socket()
        fd: int = sock.fileno()
        del sock  # here
        return fd

    from greenbridge.green import socket as world_socket

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        fd = lose()
        gc.collect()
    assert [w.category for w in seen] == [ResourceWarning]
    assert str(seen[0].message).startswith("unclosed <")
    assert f"fd={fd}" in str(seen[0].message)
    assert seen[0].filename == __file__
    assert seen[0].lineno == lose.__code__.co_firstlineno + 3
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


@in_every_world
def test_native_threads_may_use_the_same_socket(world: SocketWorld) -> None:
    a, b = world.pair()
    box: list[bytes] = []
    thread = threading.Thread(target=lambda: box.append(b.recv(10)), daemon=True)
    thread.start()
    a.sendall(b"to thread")
    thread.join(20)
    assert box == [b"to thread"]
    timer = threading.Timer(SHORT_S, b.sendall, [b"to green"])
    timer.start()
    with world.waits():
        assert a.recv(10) == b"to green"
    timer.join()
    assert os.get_blocking(a.fileno()) and os.get_blocking(b.fileno())
