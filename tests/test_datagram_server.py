"""DatagramServer: real datagrams, with and without a pool."""

from __future__ import annotations

import socket as stdlib
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge import Event, sleep
from greenbridge.green import socket as green
from greenbridge.servers import DatagramServer
from greenbridge.testing import assert_no_leaks, assert_switches

from .green import LONG, SHORT, in_green, until

if TYPE_CHECKING:
    from pathlib import Path


def client(family: int = stdlib.AF_INET) -> Any:
    sock = green.socket(family, stdlib.SOCK_DGRAM)
    sock.settimeout(LONG)
    return sock


@in_green
def test_it_answers_from_its_own_address() -> None:
    def handle(data: bytes, address: Any) -> None:
        server.sendto(data.upper(), address)

    server = DatagramServer("127.0.0.1:0", handle, spawn=10)
    with assert_no_leaks(), server, client() as sock:
        for n in range(20):
            sock.sendto(b"n%d" % n, server.address)
            with assert_switches():
                assert sock.recvfrom(100) == (b"N%d" % n, server.address)


@in_green
def test_a_handler_may_wait_while_others_are_served() -> None:
    go = Event()
    served: list[bytes] = []

    def handle(data: bytes, address: Any) -> None:
        if data == b"first":
            go.wait(LONG)
        served.append(data)
        server.sendto(b"", address)

    with DatagramServer("127.0.0.1:0", handle) as server, client() as sock:
        sock.sendto(b"first", server.address)
        sock.sendto(b"second", server.address)
        sock.recv(1)
        assert served == [b"second"]
        go.set()
        sock.recv(1)
        assert served == [b"second", b"first"]


@in_green
def test_a_full_pool_reads_nothing() -> None:
    go = Event()
    served: list[bytes] = []

    def handle(data: bytes, address: Any) -> None:
        served.append(data)
        go.wait(LONG)
        server.sendto(data, address)

    with DatagramServer("127.0.0.1:0", handle, spawn=1) as server, client() as sock:
        sock.sendto(b"1", server.address)
        sock.sendto(b"2", server.address)
        until(lambda: served)
        sleep(SHORT)  # in which it could be served as well
        assert served == [b"1"]
        go.set()
        assert [sock.recv(10), sock.recv(10)] == [b"1", b"2"]


@in_green
def test_over_a_unix_socket(tmp_path: Path) -> None:
    def handle(data: bytes, address: Any) -> None:
        server.sendto(data, address)

    server = DatagramServer(tmp_path / "server", handle)
    with server, client(stdlib.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "client"))
        sock.sendto(b"x", str(tmp_path / "server"))
        assert sock.recv(10) == b"x"
    assert not (tmp_path / "server").exists()


@in_green
def test_sendto_waits_for_room(tmp_path: Path) -> None:
    received = 0

    def handle(data: bytes, address: Any) -> None:
        for _ in range(count):
            server.sendto(bytes(1000), address)

    count = 2000
    server = DatagramServer(tmp_path / "server", handle)
    with server, client(stdlib.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "client"))
        sock.sendto(b"x", str(tmp_path / "server"))
        while received < count:  # a Unix socket loses nothing: the sender has to wait
            assert len(sock.recv(2000)) == 1000
            received += 1


@in_green
def test_two_processes_may_share_a_port() -> None:
    with DatagramServer("127.0.0.1:0", print, reuse_port=True) as first:
        with DatagramServer(first.address, print, reuse_port=True):
            pass
        with pytest.raises(OSError, match=str(first.server_port)):
            DatagramServer(first.address, print).start()
