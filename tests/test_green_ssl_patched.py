"""``ssl`` patched in a process that has used it already, and what is built on it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import http.server
import ssl
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import greenbridge
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python
from .tls_worlds import CA, CERTIFICATE

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: Any) -> None:
        pass


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CERTIFICATE.configure_cert(server)
    client = ssl.create_default_context()
    CA.configure_trust(client)
    return server, client


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: some of these clients close the connection without a request."""


@contextlib.contextmanager
def https_server(context: ssl.SSLContext) -> Iterator[int]:
    """Serve in OS threads; yields the port."""
    server = Server(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        greenbridge.offload(server.shutdown)
        greenbridge.offload(thread.join)
        server.server_close()


@contextlib.contextmanager
def authority() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ca.pem")
        CA.cert_pem.write_to_path(str(path))
        yield str(path)


def get(port: int, context: ssl.SSLContext) -> bytes:
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


@in_fresh_python
def test_contexts_made_before_patching_are_green() -> None:
    from ssl import SSLContext, SSLSocket

    server, client = contexts()
    before = client.options, client.verify_flags, client.verify_mode, client.check_hostname

    class Derived(SSLContext):
        pass

    derived = Derived(ssl.PROTOCOL_TLS_CLIENT)
    CA.configure_trust(derived)
    applied = greenbridge.patch_all()
    assert ssl.SSLContext is SSLContext
    for context in (client, derived, SSLContext(ssl.PROTOCOL_TLS_CLIENT)):
        # Each of these setters recurses if the class of contexts is replaced.
        context.options |= ssl.OP_NO_COMPRESSION
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
    after = client.options, client.verify_flags, client.verify_mode, client.check_hostname
    assert after[2:] == before[2:]

    def main() -> None:
        with https_server(server) as port:
            with assert_switches(2 * 10):  # each waits for the handshake and for the answer
                threads = [greenbridge.spawn(get, port, c) for c in (client, derived) * 5]
                greenbridge.joinall(threads, raise_error=True)
            assert [thread.value for thread in threads] == [b"hello"] * 10
            untrusting = greenbridge.spawn(get, port, ssl.create_default_context())
            try:
                untrusting.get()
            except ssl.SSLCertVerificationError:
                pass
            else:
                raise AssertionError("an unknown authority was trusted")

    greenbridge.run(main)
    assert ssl.SSLSocket is not SSLSocket
    assert issubclass(ssl.SSLSocket, SSLSocket)
    assert issubclass(SSLSocket, ssl.SSLSocket)
    applied.restore()
    assert ssl.SSLSocket is SSLContext.sslsocket_class is SSLSocket


@in_fresh_python
def test_sockets_are_instances_both_ways() -> None:
    original = ssl.SSLSocket
    server, client = contexts()
    with https_server(server) as port:
        import socket

        older = client.wrap_socket(
            socket.create_connection(("localhost", port)), server_hostname="localhost"
        )
        with greenbridge.patch_all():
            newer = client.wrap_socket(
                socket.create_connection(("localhost", port)), server_hostname="localhost"
            )
            for sock in (older, newer):
                assert isinstance(sock, ssl.SSLSocket)
                assert isinstance(sock, original)
            assert type(newer) is ssl.SSLSocket is not original
            assert not isinstance(socket.socket, ssl.SSLSocket)
            plain = socket.socket()
            assert not isinstance(plain, ssl.SSLSocket)
            plain.close()

            class Mine(ssl.SSLSocket):
                pass

            assert not isinstance(older, Mine)
            assert not isinstance(newer, Mine)
            client.sslsocket_class = Mine
            mine = client.wrap_socket(
                socket.create_connection(("localhost", port)), server_hostname="localhost"
            )
            assert isinstance(mine, Mine)
        for sock in (older, newer, mine):
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert sock.recv(8) == b"HTTP/1.0"
            sock.close()


@in_fresh_python
def test_functions_of_the_module_are_green() -> None:
    from ssl import get_server_certificate

    server, _ = contexts()
    # Long enough for the client to wait, in an OS thread.
    server.sni_callback = lambda *_: time.sleep(0.02)
    greenbridge.patch_all()

    def main() -> None:
        with https_server(server) as port, authority() as path, assert_switches(2):
            greenbridge.spawn(use, port, path).get()

    def use(port: int, path: str) -> None:
        pem = get_server_certificate(("localhost", port), ca_certs=path, timeout=20)
        assert pem == ssl.get_server_certificate(("localhost", port))
        assert pem.startswith(ssl.PEM_HEADER)
        if sys.version_info < (3, 12):
            import socket

            sock = socket.create_connection(("localhost", port))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                wrapped = ssl.wrap_socket(sock)
            assert isinstance(wrapped, ssl.SSLSocket)
            wrapped.close()

    greenbridge.run(main)


@in_fresh_python
def test_requests_imported_before_patching_runs_concurrently() -> None:
    import requests

    server, _ = contexts()
    greenbridge.patch_all()

    def fetch(port: int, path: str) -> str:
        return requests.get(f"https://localhost:{port}/", verify=path, timeout=20).text

    def main() -> None:
        with https_server(server) as port, authority() as path:
            with assert_switches(2 * 10):
                threads = [greenbridge.spawn(fetch, port, path) for _ in range(10)]
                greenbridge.joinall(threads, raise_error=True)
            assert [thread.value for thread in threads] == ["hello"] * 10

    greenbridge.run(main)


@in_fresh_python
def test_the_tls_of_event_loops_is_unaffected() -> None:
    from .conftest import LOOPS

    server_context, client_context = contexts()
    greenbridge.patch_all()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(100_000))
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port, ssl=client_context)
        writer.write(bytes(100_000))
        assert await reader.readexactly(100_000) == bytes(100_000)
        # A blocking client in the same process, against the loop's server.
        assert await greenbridge.run_sync(blocking, port) == b"x" * 100_000
        writer.close()
        server.close()

    def blocking(port: int) -> bytes:
        import socket

        plain = socket.create_connection(("127.0.0.1", port))
        with client_context.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(b"x" * 100_000)
            got = b""
            while len(got) < 100_000:
                got += sock.recv(100_000)
            return got

    for factory in LOOPS.values():
        greenbridge.run(main, loop_factory=factory)
