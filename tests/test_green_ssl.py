"""``ssl.SSLSocket``: the same results and errors as the stdlib's, in every world."""

from __future__ import annotations

import io
import os
import ssl
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from .tls_worlds import SHORT, Tls, error_of, receive
from .tls_worlds import green_tls as green_tls  # a fixture
from .tls_worlds import tls as tls  # a fixture
from .worlds import LONG
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from .worlds import World
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
