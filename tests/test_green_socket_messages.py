"""Datagrams, messages with ancillary data, flags of a call, and sendfile."""

from __future__ import annotations

import array
import os
import socket as stdlib
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge

from .socket_worlds import SocketWorld, drained, fill, has_ipv6, in_every_world, in_green_worlds

if TYPE_CHECKING:
    from pathlib import Path

SHORT_S = 0.05


def udp(world: SocketWorld, host: str = "127.0.0.1") -> Any:
    family = stdlib.AF_INET6 if ":" in host else stdlib.AF_INET
    sock = world.new(family, stdlib.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


def tcp(world: SocketWorld) -> tuple[Any, Any]:
    """A connected pair; Unix sockets do not wait for MSG_PEEK | MSG_WAITALL."""
    listener, address = world.listener()
    a = world.keep(world.socket.create_connection(address))
    return a, world.keep(listener.accept()[0])


@in_every_world
def test_datagrams_come_with_the_address_of_their_sender(world: SocketWorld) -> None:
    for host in ("127.0.0.1", *(["::1"] if has_ipv6() else [])):
        a, b = udp(world, host), udp(world, host)
        for timeout in (None, 20):
            a.settimeout(timeout)
            peer = world.start(b.sendto, b"one", a.getsockname())
            with world.waits():
                assert a.recvfrom(10) == (b"one", b.getsockname())
            assert peer.result() == 3
            peer = world.start(b.sendto, b"two", 0, a.getsockname())
            buffer = bytearray(10)
            with world.waits():
                assert a.recvfrom_into(buffer) == (3, b.getsockname())
            assert buffer[:3] == b"two"
            peer.result()
            peer = world.start(b.sendmsg, (x for x in (b"th", b"ree")), (), 0, a.getsockname())
            with world.waits():
                assert a.recvmsg(10) == (b"three", [], 0, b.getsockname())
            peer.result()
    b.connect(a.getsockname())
    assert b.send(b"") == 0
    assert b.sendall(b"") is None  # an empty datagram, too
    assert a.recv(10) == a.recv(10) == b""


@in_every_world
def test_a_datagram_goes_to_a_name_as_well(world: SocketWorld) -> None:
    a, b = udp(world), udp(world)
    port = a.getsockname()[1]
    b.sendto(b"x", ("localhost", port))
    b.sendmsg([b"y"], [], 0, ("localhost", port))
    assert (a.recv(1), a.recv(1)) == (b"x", b"y")
    with pytest.raises(stdlib.gaierror):
        b.sendto(b"x", (b"a" * 70, port))


@in_every_world
def test_sendto_refuses_what_the_stdlib_refuses(world: SocketWorld) -> None:
    expected = world.keep(stdlib.socket(stdlib.AF_INET, stdlib.SOCK_DGRAM))
    sock = world.new(stdlib.AF_INET, stdlib.SOCK_DGRAM)
    for args in (
        (), (b"x",), (b"x", 0, ("127.0.0.1", 9), 1), ("x", ("127.0.0.1", 9)), (b"x", None),
        (b"x", ("127.0.0.1",)), (5, ("127.0.0.1", 9)), (b"x", 0, None),
    ):  # fmt: skip
        with pytest.raises(TypeError) as wanted:
            expected.sendto(*args)
        with pytest.raises(TypeError) as got:
            sock.sendto(*args)
        if args:
            assert str(got.value) == str(wanted.value)


@in_every_world
def test_sending_datagrams_waits_for_room(world: SocketWorld) -> None:
    a, b = world.pair(stdlib.AF_UNIX, stdlib.SOCK_DGRAM)
    sent = fill(a, b"x" * 100)
    a.settimeout(SHORT_S)
    with world.waits(), pytest.raises(TimeoutError, match=r"^timed out$"):
        a.sendmsg([b"x"])
    a.settimeout(None)

    def take() -> int:
        world.pause()
        return len([b.recv(100) for _ in range(sent + 2)])

    peer = world.start(take)
    with world.waits():
        a.sendmsg([b"y"])
    a.send(b"y")
    assert peer.result() == sent + 2


@in_every_world
def test_descriptors_travel_over_unix_sockets(world: SocketWorld) -> None:
    a, b = world.pair()
    r, w = os.pipe()
    peer = world.start(world.socket.send_fds, b, [b"fd"], [r])
    with world.waits():
        data, fds, _, _ = world.socket.recv_fds(a, 10, 4)
    assert data == b"fd"
    peer.result()
    os.write(w, b"through the copy")
    assert os.read(fds[0], 100) == b"through the copy"
    ancillary = [(stdlib.SOL_SOCKET, stdlib.SCM_RIGHTS, array.array("i", [w]))]
    peer = world.start(b.sendmsg, [b"more"], iter(ancillary))
    buffers = [bytearray(2), bytearray(9)]
    with world.waits():
        size, got, _, _ = a.recvmsg_into(iter(buffers), stdlib.CMSG_SPACE(4))
    assert (size, bytes(buffers[0] + buffers[1][:2])) == (4, b"more")
    assert got[0][:2] == (stdlib.SOL_SOCKET, stdlib.SCM_RIGHTS)
    peer.result()
    for fd in (r, w, *fds, *array.array("i", got[0][2])):
        os.close(fd)


@in_every_world
def test_peek_leaves_the_data_there(world: SocketWorld) -> None:
    a, b = world.pair()
    peer = world.start(b.sendall, b"seen")
    with world.waits():
        assert a.recv(10, stdlib.MSG_PEEK) == b"seen"
    peer.result()
    assert a.recvfrom(2, stdlib.MSG_PEEK)[0] == b"se"
    assert a.recv(10) == b"seen"


@in_every_world
def test_dontwait_does_not_wait_without_a_timeout(world: SocketWorld) -> None:
    a, _ = world.pair()
    for method, args in (
        (a.recv, (1, stdlib.MSG_DONTWAIT)),
        (a.recv_into, (bytearray(1), 0, stdlib.MSG_DONTWAIT)),
        (a.recvfrom, (1, stdlib.MSG_DONTWAIT)),
        (a.recvmsg, (1, 0, stdlib.MSG_DONTWAIT)),
        (a.recv, (1, stdlib.MSG_DONTWAIT | stdlib.MSG_WAITALL)),
        (a.sendall, (bytes(50_000_000), stdlib.MSG_DONTWAIT)),
    ):
        with pytest.raises(BlockingIOError):
            method(*args)
    a.settimeout(SHORT_S)
    began = time.monotonic()
    with pytest.raises(TimeoutError):  # with a timeout the stdlib polls first: it does wait
        a.recv(1, stdlib.MSG_DONTWAIT)
    assert time.monotonic() - began > SHORT_S * 0.9


RECEIVERS: dict[str, Any] = {
    "recv": lambda s, n: s.recv(n, stdlib.MSG_WAITALL),
    "recv_into": lambda s, n: into(s.recv_into, n),
    "recv_into of n": lambda s, n: into(s.recv_into, n, n),
    "recvfrom": lambda s, n: s.recvfrom(n, stdlib.MSG_WAITALL)[0],
    "recvfrom_into": lambda s, n: into(s.recvfrom_into, n),
    "recvmsg": lambda s, n: s.recvmsg(n, 0, stdlib.MSG_WAITALL)[0],
    "recvmsg_into": lambda s, n: into_two(s, n),
}


def into(call: Any, n: int, size: int = 0) -> bytes:
    buffer = bytearray(n)
    got = call(buffer, size, stdlib.MSG_WAITALL)
    return bytes(buffer[: got if isinstance(got, int) else got[0]])


def into_two(sock: Any, n: int) -> bytes:
    first, second = bytearray(3), bytearray(n - 3)
    got = sock.recvmsg_into([first, second], 0, stdlib.MSG_WAITALL)[0]
    return bytes((first + second)[:got])


@in_every_world
@pytest.mark.parametrize("receiver", RECEIVERS)
def test_waitall_waits_for_all_of_it_or_for_the_end(world: SocketWorld, receiver: str) -> None:
    receive = RECEIVERS[receiver]
    a, b = tcp(world)

    def trickle() -> None:
        for piece in (b"ab", b"cd", b"efgh", b"ijk"):
            b.sendall(piece)
            world.pause()

    peer = world.start(trickle)
    with world.waits():
        assert receive(a, 10) == b"abcdefghij"
    peer.result()
    b.shutdown(stdlib.SHUT_WR)
    assert receive(a, 10) == b"k"
    assert receive(a, 10) == b""


@in_every_world
def test_waitall_with_peek_waits_and_takes_nothing(world: SocketWorld) -> None:
    a, b = tcp(world)

    def trickle() -> None:
        for piece in (b"ab", b"cd"):
            b.sendall(piece)
            world.pause()

    peer = world.start(trickle)
    with world.waits():
        assert a.recv(4, stdlib.MSG_PEEK | stdlib.MSG_WAITALL) == b"abcd"
    assert a.recv(4, stdlib.MSG_WAITALL) == b"abcd"
    peer.result()


@in_every_world
def test_waitall_takes_one_datagram_and_what_is_there_with_a_timeout(world: SocketWorld) -> None:
    a, b = world.pair(stdlib.AF_UNIX, stdlib.SOCK_DGRAM)
    peer = world.start(b.send, b"short")
    assert a.recv(100, stdlib.MSG_WAITALL) == b"short"
    peer.result()
    c, d = world.pair()
    c.settimeout(20)
    peer = world.start(d.sendall, b"some")
    with world.waits():
        assert c.recv(100, stdlib.MSG_WAITALL) == b"some"
    peer.result()


@in_every_world
def test_urgent_data(world: SocketWorld) -> None:
    a, b = tcp(world)
    with pytest.raises(OSError):
        b.recv(1, stdlib.MSG_OOB)  # never waits, whatever the timeout
    a.send(b"before!", stdlib.MSG_OOB)
    assert b.recv(100) == b"before"
    assert b.recv(1, stdlib.MSG_OOB) == b"!"


@in_green_worlds
def test_a_killed_waitall_reader_does_not_keep_others_from_reading(world: SocketWorld) -> None:
    a, b = world.pair()
    for flags in (stdlib.MSG_WAITALL, stdlib.MSG_WAITALL | stdlib.MSG_PEEK):
        reader = greenbridge.spawn(a.recv, 10, flags)
        world.pause()
        reader.kill()
        b.sendall(b"0123456789")
        assert a.recv(10) == b"0123456789"


# -- sendfile ----------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "content"
    made.write_bytes(CONTENT)
    return made


@in_every_world
@pytest.mark.parametrize("timeout", [None, 20])
@pytest.mark.parametrize(
    ("offset", "count"), [(0, None), (1000, None), (0, 3_000_000), (5, 70_000), (9_999_999, None)]
)
def test_sendfile_sends_what_is_asked_for(
    world: SocketWorld, path: Path, timeout: float | None, offset: int, count: int | None
) -> None:
    a, b = world.pair()
    a.settimeout(timeout)
    peer = world.start(lambda: b"".join(drained(b)))
    expected = CONTENT[offset:][:count]
    with path.open("rb") as file:
        sent = a.sendfile(file, offset, count)
        assert sent == len(expected)
        assert file.tell() == (offset + sent if sent else 0)
    assert os.get_blocking(a.fileno()) is (timeout is None)
    a.close()
    assert peer.result() == expected


@in_every_world
def test_sendfile_waits_times_out_and_says_how_far_it_came(world: SocketWorld, path: Path) -> None:
    a, b = world.pair()
    a.settimeout(SHORT_S)
    with path.open("rb") as file:
        with world.waits(), pytest.raises(TimeoutError, match=r"^timed out$"):
            a.sendfile(file)
        sent = file.tell()
    a.close()
    assert 0 < sent < len(CONTENT)
    assert b"".join(drained(b)) == CONTENT[:sent]


@in_every_world
def test_sendfile_falls_back_on_send_and_refuses_as_the_stdlib(
    world: SocketWorld, path: Path
) -> None:
    a, b = world.pair()
    with tempfile.SpooledTemporaryFile(max_size=10_000) as file:
        file.write(b"in memory")
        file.seek(0)
        assert a.sendfile(file) == 9
    assert b.recv(100) == b"in memory"
    with path.open("rb") as binary, path.open(encoding="latin-1") as text:
        for sock, args, error in (
            (a, (text,), ValueError),
            (a, (binary, 0, 0), ValueError),
            (a, (binary, 0, 1.5), TypeError),
            (udp(world), (binary,), ValueError),
        ):
            with pytest.raises(error):
                sock.sendfile(*args)
        a.setblocking(False)
        with pytest.raises(ValueError, match="non-blocking"):
            a.sendfile(binary)
