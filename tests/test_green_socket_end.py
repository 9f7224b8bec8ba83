"""The end of a socket: close, detach, shutdown, collection; and several users of one socket."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import random
import select
import socket as stdlib
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import socket as green
from greenbridge.testing import statistics

from .socket_worlds import SocketWorld, drained, fill, in_every_world, in_green_worlds

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT_S = 0.05


def how_it_ended(call: Callable[[], Any]) -> Any:
    """Its result, or the errno of its OSError."""
    try:
        return call()
    except OSError as error:
        return error.errno


@in_green_worlds
@pytest.mark.parametrize("how", ["close", "detach", "module", "last file"])
@pytest.mark.parametrize("timeout", [None, 20])
def test_whoever_waits_for_a_socket_that_is_closed_gets_ebadf(
    world: SocketWorld, how: str, timeout: float | None
) -> None:
    a, b = world.pair()
    listener, _ = world.listener()
    full, _ = world.pair()
    fill(full, bytes(65536))
    for sock in (a, listener, full):
        sock.settimeout(timeout)
    waits = [
        world.start(how_it_ended, call)
        for call in (
            lambda: a.recv(1),
            lambda: a.recv_into(bytearray(1)),
            lambda: a.recvmsg(1),
            listener.accept,
            lambda: full.send(b"x"),
            lambda: full.sendall(b"x"),
        )
    ]
    world.pause()
    fds = [sock.fileno() for sock in (a, listener, full)]
    for sock in (a, listener, full):
        if how == "close":
            sock.close()
        elif how == "detach":
            os.close(sock.detach())
        elif how == "module":
            green.close(sock.fileno())
            sock.detach()
        else:
            file = sock.makefile("rb", 0)
            sock.close()
            world.pause()
            assert os.fstat(sock.fileno())  # a file still uses it
            file.close()
        assert sock.fileno() == -1
    assert [wait.result() for wait in waits] == [errno.EBADF] * len(waits)
    for fd in fds:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)
    assert b.recv(1) == b""


@in_every_world
def test_a_closed_socket_refuses_everything(world: SocketWorld) -> None:
    a, _ = world.pair()
    a.close()
    a.close()
    for call in (
        lambda: a.recv(1),
        lambda: a.send(b"x"),
        lambda: a.sendall(b"x"),
        lambda: a.sendto(b"x", "/nowhere"),
        lambda: a.sendmsg([b"x"]),
        lambda: a.recvmsg(1),
        a.accept,
        lambda: a.connect("/nowhere"),
        lambda: a.settimeout(1),
        lambda: a.setblocking(True),
    ):
        assert how_it_ended(call) == errno.EBADF
    assert a.connect_ex("/nowhere") == errno.EBADF
    assert a.fileno() == -1
    assert a.detach() == -1


@in_every_world
def test_shutdown_wakes_whoever_reads(world: SocketWorld) -> None:
    for family in (stdlib.AF_UNIX, stdlib.AF_INET):
        if family == stdlib.AF_UNIX:
            a, _ = world.pair()
        else:
            listener, address = world.listener()
            a = world.keep(world.socket.create_connection(address))
            world.keep(listener.accept()[0])
        reader = world.start(a.recv, 10)
        world.pause()
        a.shutdown(stdlib.SHUT_RDWR)
        assert reader.result() == b""
        with pytest.raises(BrokenPipeError):
            a.sendall(b"x")


@in_every_world
def test_shutting_a_listener_down_ends_accept(world: SocketWorld) -> None:
    listener, _ = world.listener()
    acceptor = world.start(how_it_ended, listener.accept)
    world.pause()
    listener.shutdown(stdlib.SHUT_RDWR)
    assert acceptor.result() == errno.EINVAL


@in_every_world
def test_readers_are_served_in_the_order_in_which_they_came(world: SocketWorld) -> None:
    a, b = world.pair(stdlib.AF_UNIX, stdlib.SOCK_DGRAM)
    readers = []
    for _ in range(5):
        readers.append(world.start(a.recv, 10))
        world.pause()
    for number in range(5):
        b.send(b"%d" % number)
    got = [reader.result() for reader in readers]
    assert sorted(got) == [b"0", b"1", b"2", b"3", b"4"]
    if world.green:
        assert got == sorted(got)


@in_every_world
def test_one_reads_while_another_writes_and_both_while_others_do(world: SocketWorld) -> None:
    a, b = world.pair()
    size = 500_000
    writers = [world.start(a.sendall, bytes(size)) for _ in range(3)]
    writers.append(world.start(b.sendall, bytes(size)))
    totals: list[int] = []

    def read(sock: Any) -> None:
        totals.extend(len(piece) for piece in drained(sock))

    readers = [world.start(read, sock) for sock in (b, b, a)]
    for writer in writers:
        writer.result()
    for sock in (a, b):
        sock.shutdown(stdlib.SHUT_WR)
    for reader in readers:
        reader.result()
    assert sum(totals) == 4 * size


@in_every_world
def test_dup_shares_the_connection_and_the_timeout(world: SocketWorld) -> None:
    a, b = world.pair()
    for timeout in (None, 20, 0):
        a.settimeout(timeout)
        copy = a.dup()
        assert type(copy) is type(a)
        assert copy.gettimeout() == timeout
        assert copy.fileno() != a.fileno()
        assert not copy.get_inheritable()
        if timeout != 0:
            peer = world.start(b.sendall, b"x")
            with world.waits():
                assert copy.recv(1) == b"x"
            peer.result()
        else:
            with pytest.raises(BlockingIOError):
                copy.recv(1)
        copy.close()
    a.settimeout(None)
    peer = world.start(b.sendall, b"still open")
    assert a.recv(10) == b"still open"
    peer.result()


def drop(made: list[Any]) -> None:
    made.clear()
    gc.collect()


@in_green_worlds
def test_a_collected_socket_leaves_no_registration(world: SocketWorld) -> None:
    for _ in range(10):
        made = list(green.socketpair())
        world.start(made[1].sendall, b"x")
        assert made[0].recv(1) == b"x"  # its reader stays armed
        with pytest.warns(ResourceWarning):
            drop(made)
    world.pause()
    assert statistics()["fds"] <= 1  # what the test itself waits with


@in_green_worlds
def test_the_number_of_a_closed_socket_can_be_used_at_once(world: SocketWorld) -> None:
    for _ in range(100):
        a, b = green.socketpair()
        old = a.fileno()
        waiting = world.start(how_it_ended, lambda sock=a: sock.recv(1))
        greenbridge.sleep(0)
        a.close()
        c, d = green.socketpair()
        assert old in (c.fileno(), d.fileno())
        writer = world.start(d.sendall, b"y")
        with world.waits():
            assert c.recv(1) == b"y"
        assert waiting.result() == errno.EBADF
        writer.result()
        for sock in (b, c, d):
            sock.close()


def listener_has_more(listener: Any) -> bool:
    return bool(select.select([listener], [], [], 0)[0])


@in_green_worlds
def test_a_soak_of_connections_with_random_kills_leaves_nothing(world: SocketWorld) -> None:
    dice = random.Random(7)
    listener, address = world.listener()

    def serve() -> None:
        while True:
            sock, _ = listener.accept()
            echoes.append(greenbridge.spawn(echo, sock))

    def echo(sock: Any) -> None:
        with sock, contextlib.suppress(ConnectionError):  # the peer may be killed
            for piece in drained(sock):
                sock.sendall(piece)

    def talk() -> None:
        with green.socket() as sock:
            sock.connect(address)
            sock.settimeout(dice.choice([None, 5]))
            for _ in range(dice.randrange(4)):
                sock.sendall(b"ping")
                sock.recv(4)
                greenbridge.sleep(dice.choice([0, 0, 0.001]))

    echoes: list[Any] = []
    server = greenbridge.spawn(serve)
    for _ in range(20):
        talkers = [greenbridge.spawn(talk) for _ in range(50)]
        greenbridge.sleep(0.002)
        for talker in dice.sample(talkers, 20):
            talker.kill(block=False)
        greenbridge.joinall(talkers, timeout=20, raise_error=False)
        assert all(talker.ready() for talker in talkers)
    while listener_has_more(listener):
        world.pause()
    server.kill()
    assert len(greenbridge.joinall(echoes, timeout=20)) == len(echoes)  # the world checks the rest


@in_every_world
def test_a_child_process_may_share_a_blocking_socket(world: SocketWorld) -> None:
    a, b = world.pair()
    listener, address = world.listener()
    program = (
        "import os, socket, sys\n"
        "s = socket.socket(fileno=int(sys.argv[1]))\n"
        "l = socket.socket(fileno=int(sys.argv[2]))\n"
        "assert os.get_blocking(s.fileno()) and os.get_blocking(l.fileno())\n"
        "s.sendall(b'ready')\n"
        "assert s.recv(10) == b'go'\n"  # blocks: EAGAIN would be an error
        "assert os.get_blocking(s.fileno()) and os.get_blocking(l.fileno())\n"
    )
    acceptor = world.start(how_it_ended, listener.accept)
    world.pause()  # somebody waits for it while the child looks at it
    fds = (b.fileno(), listener.fileno())
    child = subprocess.Popen([sys.executable, "-S", "-c", program, *map(str, fds)], pass_fds=fds)
    assert a.recv(10) == b"ready"
    world.pause(SHORT_S)
    a.sendall(b"go")
    assert child.wait(20) == 0
    world.keep(world.socket.create_connection(address))
    world.keep(acceptor.result()[0])


@in_green_worlds
def test_closing_from_a_native_thread_wakes_whoever_waits(world: SocketWorld) -> None:
    a, _ = world.pair()
    closer = threading.Timer(SHORT_S, a.close)
    world.start(closer.start)  # when the body waits
    with world.waits():
        assert how_it_ended(lambda: a.recv(1)) == errno.EBADF
    closer.join()
