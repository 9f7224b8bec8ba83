"""Streams: receiving and sending, and the stdlib's rules for timeouts."""

from __future__ import annotations

import array
import gc
import math
import os
import socket as stdlib
import threading
import time
import warnings
from asyncio import CancelledError
from typing import Any

import pytest

import greenbridge

from .socket_worlds import (
    SocketWorld,
    drained,
    fill,
    full_listener,
    in_every_world,
    in_green_worlds,
)

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
        for method, args in [
            (a.recv, (-1,)),
            (a.recv, ("1",)),
            (a.recv_into, (b"constant",)),
            (a.recv_into, (5,)),
            (a.recv_into, (bytearray(1), 2)),
            (a.recv_into, (bytearray(1), -1)),
        ]:
            with pytest.raises((TypeError, ValueError, BufferError)):
                method(*args)
        b.sendall(b"x")
        assert a.recv(2) == b"x"


@in_every_world
def test_send_waits_for_room_and_sends_a_part(world: SocketWorld) -> None:
    a, b = world.pair()
    fill(a, bytes(65536))
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
    with world.waits(), pytest.raises(TimeoutError, match=r"^timed out$") as caught:
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
        with world.waits(), pytest.raises(TimeoutError, match=r"^timed out$") as caught:
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
        for method, args in (
            (a.recv, (9,)),
            (a.recv_into, (bytearray(9),)),
            (a.recvfrom, (9,)),
            (a.recvmsg, (9,)),
            (a.recv, (9, stdlib.MSG_WAITALL)),
        ):
            with pytest.raises(BlockingIOError):
                method(*args)
        assert file.read(9) is None
        b.sendall(b"x")
        assert a.recv(9) == b"x"
    file.close()
    with pytest.raises(BlockingIOError):
        a.sendall(bytes(50_000_000))
    fill(a, bytes(65536))
    with pytest.raises(BlockingIOError):
        a.send(bytes(65536))


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
    for flag in (True, False, 1, 0):
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
        # Not the BlockingIOError of the try before the wait; in a Task, how it was interrupted.
        context = info.value.__context__
        assert context is None or (world.name == "task" and isinstance(context, CancelledError))
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
    address = full_listener(world)
    limit = greenbridge.Timeout(SHORT_S, TimeoutError("mine"))
    with pytest.raises(TimeoutError, match="mine"), limit:
        sock.connect_ex(address)  # not swallowed as an errno


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
    starter = world.start(timer.start)  # when the body waits
    with world.waits():
        assert a.recv(10) == b"to green"
    starter.result()
    timer.join()
    assert os.get_blocking(a.fileno())
    assert os.get_blocking(b.fileno())
