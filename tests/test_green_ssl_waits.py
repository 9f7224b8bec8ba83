"""Timeouts, callbacks and ends of ``ssl.SSLSocket``, in every world."""

from __future__ import annotations

import errno
import io
import os
import socket as stdlib_socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.testing import assert_switches, heartbeat, statistics

from .green import others_run, until
from .tls_worlds import MUCH, SHORT, Tls, error_of, receive
from .tls_worlds import green_tls as green_tls  # a fixture
from .tls_worlds import tls as tls  # a fixture
from .worlds import LONG
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from .worlds import World
# -- timeouts ----------------------------------------------------------------------------------


def _messages(world: World, tls: Tls) -> list[tuple[str, str]]:
    client, server = tls.pair()
    client.settimeout(SHORT)
    messages = []
    began = time.monotonic()
    messages.append(error_of(client.recv, 1))
    assert SHORT * 0.9 <= time.monotonic() - began < 5
    messages.append(error_of(client.unwrap))
    client.close()
    server.close()
    client, server = tls.pair()
    client.settimeout(SHORT)
    messages.append(error_of(client.sendall, bytes(MUCH)))
    client.close()
    server.close()
    for wrap in (lambda s: tls.client.wrap_socket(s, server_hostname="localhost"), tls.serve):
        a, b = tls.plain()
        a.settimeout(SHORT)
        messages.append(error_of(wrap, a))
        b.close()
    return messages


def test_timeouts_say_what_the_original_says(world: World, tls: Tls) -> None:
    from .worlds import World

    original = World("original")
    expected = _messages(original, Tls(original))
    assert [text for _, text in expected[:3]] == [
        "The read operation timed out",
        "The read operation timed out",
        "The write operation timed out",
    ]
    assert "The handshake operation timed out" in expected[3][1]
    assert world.run(lambda: _messages(world, tls)) == expected


def test_a_timeout_that_is_not_reached(world: World, tls: Tls) -> None:
    def body() -> None:
        client, server = tls.pair()
        with client, server:
            client.settimeout(LONG)
            reading = world.start(client.recv, 1)
            world.pause()
            server.send(b"x")
            assert reading.result() == b"x"
            assert client.gettimeout() == client.timeout == LONG
            assert client.getblocking()

    world.run(body)


def test_without_blocking(world: World, tls: Tls) -> None:
    def body() -> None:
        client, server = tls.pair()
        with client, server:
            client.setblocking(False)
            assert client.gettimeout() == 0
            assert not client.getblocking()
            with pytest.raises(ssl.SSLWantReadError):
                client.recv(1)
            assert error_of(client.sendall, bytes(MUCH))[0] == "SSLWantWriteError"
            with pytest.raises(ValueError, match="non-blocking"):
                client.sendfile(io.BytesIO(b"x"))

    world.run(body)


def test_a_handshake_without_blocking(world: World, tls: Tls) -> None:
    def body() -> None:
        a, b = tls.plain()
        a.setblocking(False)
        with pytest.raises(ValueError, match="do_handshake_on_connect"):
            tls.client.wrap_socket(a, server_hostname="localhost")
        b.close()
        a, b = tls.plain()
        a.setblocking(False)
        client = tls.client.wrap_socket(
            a, server_hostname="localhost", do_handshake_on_connect=False
        )
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        serving = world.start(tls.serve, b)
        client.do_handshake(block=True)
        assert client.gettimeout() == 0
        serving.result().close()
        client.close()

    world.run(body)


def test_a_detached_descriptor_blocks_as_the_timeout_said(world: World, tls: Tls) -> None:
    def body() -> None:
        for timeout, blocks in ((None, True), (0, False), (1.5, False)):
            client, server = tls.pair()
            client.settimeout(timeout)
            fd = client.detach()
            assert os.get_blocking(fd) is blocks
            os.close(fd)
            server.close()

    world.run(body)


# -- callbacks, ends ---------------------------------------------------------------------------


def test_a_callback_inside_the_handshake_may_wait(green_tls: Any) -> None:
    def body(tls: Tls) -> None:
        names: list[str | None] = []
        entered: list[Any] = []

        def choose(sock: Any, name: str | None, context: Any) -> None:
            entered.append(sock)
            greenbridge.sleep(SHORT)
            names.append(name)

        tls.server.sni_callback = choose
        with heartbeat() as beat, others_run(beat):
            pairs = [greenbridge.spawn(tls.pair) for _ in range(3)]
            until(lambda: entered)
            # Another one that uses the same TLS object waits for its turn.
            reading = greenbridge.spawn(entered[0].recv, 1)
            for pair in pairs:
                client, server = pair.get(timeout=LONG)
                if server is entered[0]:
                    client.send(b"x")
                    assert reading.get(timeout=LONG) == b"x"
                client.close()
                server.close()
        assert names == ["localhost"] * 3

    green_tls(body)


def test_a_waiting_reader_is_told_of_shutdown_and_close(green_tls: Any) -> None:
    def body(tls: Tls) -> None:
        client, server = tls.pair()
        reading = greenbridge.spawn(client.recv, 1)
        greenbridge.sleep(0.01)
        client.shutdown(stdlib_socket.SHUT_RDWR)
        try:
            assert reading.get(timeout=LONG) == b""
        except ConnectionError:  # what newer versions of OpenSSL make of it
            pass
        client.close()
        server.close()
        client, server = tls.pair()
        reading = greenbridge.spawn(client.recv, 1)
        greenbridge.sleep(0.01)
        client.close()
        with pytest.raises(OSError) as caught:
            reading.get(timeout=LONG)
        assert caught.value.errno == errno.EBADF
        server.close()
        assert statistics()["fds"] == 0

    green_tls(body)


def test_a_killed_reader_takes_nothing(green_tls: Any) -> None:
    def body(tls: Tls) -> None:
        client, server = tls.pair()
        with client, server, assert_switches():
            reading = greenbridge.spawn(client.recv, 1)
            greenbridge.sleep(0.01)
            reading.kill()
            server.send(b"x")
            assert client.recv(1) == b"x"
            with greenbridge.move_on_after(0.01):
                client.recv(1)
            server.send(b"y")
            assert client.recv(1) == b"y"

    green_tls(body)


def test_a_writer_that_waits_for_its_turn_can_be_killed(green_tls: Any) -> None:
    def body(tls: Tls) -> None:
        client, server = tls.pair()
        with client, server:
            first = greenbridge.spawn(client.sendall, b"a" * MUCH)
            greenbridge.sleep(0.01)
            second = greenbridge.spawn(client.sendall, b"b" * 10)
            third = greenbridge.spawn(client.sendall, b"c" * 10)
            greenbridge.sleep(0.01)
            second.kill()
            assert receive(server, MUCH + 10) == b"a" * MUCH + b"c" * 10
            first.get(timeout=LONG)
            third.get(timeout=LONG)

    green_tls(body)


def test_green_and_native_threads_share_a_socket(green_tls: Any) -> None:
    def body(tls: Tls) -> None:
        from .worlds import Running

        data = os.urandom(1_000_000)
        client, server = tls.pair()
        with client, server:
            native = Running(receive, (client, len(data)))
            green = greenbridge.spawn(client.sendall, data)
            sending = Running(server.sendall, (data,))
            assert receive(server, len(data)) == data
            green.get(timeout=LONG)
            greenbridge.offload(sending.result)
            assert greenbridge.offload(native.result) == data

    green_tls(body)
