"""``ssl.SSLSocket``: the same results and errors as the stdlib's, in every world."""

from __future__ import annotations

import errno
import io
import os
import socket as stdlib_socket
import ssl
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme

import greenbridge
from greenbridge.green import socket as green_socket
from greenbridge.green.ssl import SSLSocket
from greenbridge.testing import assert_switches, heartbeat, statistics

from .worlds import LONG
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from .worlds import World

SHORT = 0.05  # seconds
MUCH = 20_000_000  # bytes, more than the buffers of a TCP connection take
CA = trustme.CA()
CERTIFICATE = CA.issue_cert("localhost", "127.0.0.1")


class Tls:
    """TLS contexts and connections of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.server = self.context(ssl.PROTOCOL_TLS_SERVER)
        CERTIFICATE.configure_cert(self.server)
        self.client = self.context(ssl.PROTOCOL_TLS_CLIENT)
        CA.configure_trust(self.client)
        self.module: Any = stdlib_socket if world.original else green_socket

    def context(self, protocol: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        if not self.world.original:
            context.sslsocket_class = SSLSocket
        return context

    def plain(self) -> tuple[Any, Any]:
        """Two connected sockets, with a timeout that ends a test that hangs.

        TCP: on a Unix socket OpenSSL 3.5 meets EPIPE where TCP gives it the end of the stream.
        """
        with self.module.create_server(("127.0.0.1", 0)) as listener:
            a = self.module.create_connection(listener.getsockname())
            b, _ = listener.accept()
        a.settimeout(LONG)
        b.settimeout(LONG)
        return a, b

    def serve(self, sock: Any, **options: Any) -> Any:
        return self.server.wrap_socket(sock, server_side=True, **options)

    def pair(self, **options: Any) -> tuple[Any, Any]:
        """A client and a server that have shaken hands."""
        a, b = self.plain()
        serving = self.world.start(lambda: self.serve(b, **options))
        client = self.client.wrap_socket(a, server_hostname="localhost", **options)
        server = serving.result()
        if not self.world.original:
            assert isinstance(client, SSLSocket)
            assert isinstance(server, SSLSocket)
        return client, server


@pytest.fixture
def tls(world: World) -> Tls:
    return Tls(world)


@pytest.fixture
def green_tls(loop_factory: Any) -> Any:
    """Run a function in green code, on each loop; it gets the contexts."""
    from .worlds import World

    def run(body: Callable[[Tls], None]) -> None:
        greenbridge.run(lambda: body(Tls(World("uvloop"))), loop_factory=loop_factory)

    return run


def receive(sock: Any, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        data = sock.recv(count - len(got))
        if not data:
            break
        got += data
    return bytes(got)


def error_of(call: Callable[..., Any], *args: Any) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:
        call(*args)
    return type(caught.value).__name__, str(caught.value)


# -- data --------------------------------------------------------------------------------------


def test_a_conversation(world: World, tls: Tls) -> None:
    def body() -> None:
        client, server = tls.pair()
        with client, server:
            assert client.version() == server.version() == "TLSv1.3"
            assert client.cipher() == server.cipher()
            assert client.getpeercert()["subjectAltName"]
            client.sendall(b"hello")
            assert server.recv(1) == b"h"
            assert server.pending() == 4
            assert server.read(1) == b"e"
            buffer = bytearray(10)
            assert server.recv_into(buffer, 1) == 1
            assert server.read(10, buffer) == 2
            assert buffer[:2] == b"lo"
            assert server.send(b"abc") == server.write(b"def") == 3
            assert receive(client, 6) == b"abcdef"
            server.close()
            assert client.recv(1) == b""
            assert client.recv_into(buffer) == 0

    world.run(body)


def test_much_data_in_both_directions_at_once(world: World, tls: Tls) -> None:
    data = os.urandom(3_000_000)

    def body() -> None:
        client, server = tls.pair()
        with client, server:
            sending = world.start(client.sendall, data)
            if world.original:
                # Its TLS objects are not safe for a thread that reads and one that writes.
                assert receive(server, len(data)) == data
            answering = world.start(server.sendall, data)
            receiving = world.start(receive, client, len(data))
            if not world.original:
                assert receive(server, len(data)) == data
            assert receiving.result() == data
            sending.result()
            answering.result()

    world.run(body)


def test_each_write_is_whole_when_several_write(world: World, tls: Tls) -> None:
    size, writers = 400_000, 1 if world.original else 4  # it mixes the records of several

    def body() -> None:
        client, server = tls.pair()
        with client, server:
            writing = [world.start(client.sendall, bytes([n]) * size) for n in range(writers)]
            world.pause()
            got = receive(server, writers * size)
            for writer in writing:
                writer.result()
        pieces = [got[i : i + size] for i in range(0, len(got), size)]
        assert sorted(pieces) == [bytes([n]) * size for n in range(writers)]

    world.run(body)


def test_several_read(world: World, tls: Tls) -> None:
    data = b"a" if world.original else b"abcd"

    def body() -> None:
        client, server = tls.pair()
        with client, server:
            reading = [world.start(client.recv, 1) for _ in data]
            world.pause()
            for byte in data:
                server.send(bytes([byte]))
            assert sorted(r.result() for r in reading) == [bytes([byte]) for byte in data]

    world.run(body)


def test_files_made_of_it(world: World, tls: Tls) -> None:
    def body() -> None:
        client, server = tls.pair()
        with client, server, client.makefile("rw") as lines, server.makefile("rwb") as raw:
            lines.write("one\ntwo\n")
            lines.flush()
            assert raw.readline() == b"one\n"
            assert raw.readline() == b"two\n"
            raw.write(b"three\n")
            raw.flush()
            assert lines.readline() == "three\n"
            with tempfile.TemporaryFile() as file:
                file.write(b"x" * 100_000)
                sending = world.start(server.sendfile, file, 10)
                assert receive(client, 99_990) == b"x" * 99_990
                assert sending.result() == 99_990
            assert server.sendfile(io.BytesIO(b"abc"), 1, 1) == 1
            assert client.recv(5) == b"b"

    world.run(body)


def test_what_is_not_allowed(tls: Tls, world: World) -> None:
    def body() -> None:
        client, server = tls.pair()
        calls: list[tuple[str, Any]] = [
            ("NotImplementedError", client.dup),
            ("NotImplementedError", lambda: client.sendmsg([b""])),
            ("NotImplementedError", lambda: client.recvmsg(1)),
            ("NotImplementedError", lambda: client.recvmsg_into([bytearray(1)])),
            ("ValueError", lambda: client.send(b"", 1)),
            ("ValueError", lambda: client.recv(1, 1)),
            ("ValueError", lambda: client.sendall(b"", 1)),
            ("ValueError", lambda: client.sendto(b"", None)),
            ("ValueError", lambda: client.recvfrom(1)),
            ("ValueError", lambda: client.connect(("localhost", 1))),
            ("TypeError", lambda: type(client)(client)),
            ("TypeError", lambda: client.send("text")),
        ]
        for expected, call in calls:
            assert error_of(call)[0] == expected
        client.close()
        server.close()
        for call, text in (
            (lambda: client.read(), "Read on closed or unwrapped SSL socket."),
            (lambda: client.write(b""), "Write on closed or unwrapped SSL socket."),
        ):
            assert error_of(call) == ("ValueError", text)
        assert error_of(client.unwrap)[0] == "ValueError"
        assert error_of(client.recv, 1)[0] == "OSError"

    world.run(body)


@pytest.mark.parametrize("suppress", [True, False])
def test_an_end_without_goodbye(world: World, tls: Tls, suppress: bool) -> None:
    def body() -> None:
        client, server = tls.pair(suppress_ragged_eofs=suppress)
        reading = world.start(client.recv, 1)
        world.pause()
        os.close(server.detach())
        if suppress:
            assert reading.result() == b""
        else:
            with pytest.raises(ssl.SSLEOFError):
                reading.result()
        client.close()

    world.run(body)


def test_unwrapping_gives_the_plain_socket(world: World, tls: Tls) -> None:
    def body() -> None:
        client, server = tls.pair()
        unwrapping = world.start(client.unwrap)
        assert server.recv(1) == b""
        plain = server.unwrap()
        other = unwrapping.result()
        with plain, other:
            plain.sendall(b"plain")
            assert other.recv(10) == b"plain"
            assert plain.pending() == 0
            assert plain.version() is None

    world.run(body)


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


# -- connecting --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["connect", "connect_ex"])
def test_connect_and_accept(world: World, tls: Tls, how: str) -> None:
    def body() -> None:
        with tls.module.create_server(("127.0.0.1", 0)) as plain:
            server = tls.serve(plain)
            for timeout in (None, LONG):
                server.settimeout(timeout)
                accepting = world.start(server.accept)
                client = tls.client.wrap_socket(tls.module.socket(), server_hostname="localhost")
                client.settimeout(timeout)
                assert not getattr(client, how)(server.getsockname())
                accepted, address = accepting.result()
                assert address == client.getsockname()
                assert accepted.gettimeout() is None
                client.sendall(b"x")
                assert accepted.recv(1) == b"x"
                client.close()
                accepted.close()
            server.settimeout(SHORT)
            with pytest.raises(TimeoutError):
                server.accept()
            server.close()

    world.run(body)


def test_certificates_are_verified(world: World, tls: Tls) -> None:
    def body() -> None:
        for context, name in ((tls.client, "elsewhere"), (untrusting, "localhost")):
            a, b = tls.plain()
            serving = world.start(tls.serve, b)
            with pytest.raises(ssl.SSLCertVerificationError):
                context.wrap_socket(a, server_hostname=name)
            with pytest.raises((ssl.SSLError, OSError)):
                serving.result()
            assert a.fileno() == -1
        a, b = tls.plain()
        with pytest.raises(ValueError, match="server_hostname"):
            tls.client.wrap_socket(a)
        with a, b:
            pass

    untrusting = tls.context(ssl.PROTOCOL_TLS_CLIENT)
    world.run(body)


def test_a_session_is_used_again(world: World, tls: Tls) -> None:
    tls.client.maximum_version = ssl.TLSVersion.TLSv1_2

    def body() -> None:
        client, server = tls.pair()
        session = client.session
        assert not client.session_reused
        client.close()
        server.close()
        a, b = tls.plain()
        serving = world.start(tls.serve, b)
        with tls.client.wrap_socket(a, server_hostname="localhost", session=session) as client:
            assert client.session_reused
            serving.result().close()

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
        with heartbeat() as beat:
            pairs = [greenbridge.spawn(tls.pair) for _ in range(3)]
            while not entered:
                greenbridge.sleep(0.001)
            # Another one that uses the same TLS object waits for its turn.
            reading = greenbridge.spawn(entered[0].recv, 1)
            for pair in pairs:
                client, server = pair.get(timeout=LONG)
                if server is entered[0]:
                    client.send(b"x")
                    assert reading.get(timeout=LONG) == b"x"
                client.close()
                server.close()
        beat.check(SHORT)
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
