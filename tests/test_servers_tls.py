"""StreamServer over TLS."""

from __future__ import annotations

import logging
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from greenbridge.green.ssl import SSLSocket
from greenbridge.servers import StreamServer

from .echo_servers import ask, connect, echo
from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    import socket as stdlib
    from pathlib import Path

CA = trustme.CA()
CERTIFICATE = CA.issue_cert("localhost", "127.0.0.1")


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.sslsocket_class = SSLSocket
    CA.configure_trust(client)
    return server, client


@in_green
def test_tls_with_a_context() -> None:
    context, trusting = contexts()
    with StreamServer("127.0.0.1:0", echo, ssl_context=context) as server:
        assert server.ssl_enabled
        with trusting.wrap_socket(connect(server), server_hostname="localhost") as client:
            assert ask(client, b"secret") == b"secret"
    with pytest.raises(TypeError, match="leave out certfile"):
        StreamServer("127.0.0.1:0", echo, ssl_context=context, certfile="x")


@in_green
def test_tls_with_files_and_a_client_certificate(tmp_path: Path) -> None:
    names = [tmp_path / name for name in ("key.pem", "cert.pem", "ca.pem")]
    CERTIFICATE.private_key_pem.write_to_path(names[0])
    with names[1].open("wb") as file:
        for blob in CERTIFICATE.cert_chain_pems:
            file.write(blob.bytes())
    CA.cert_pem.write_to_path(names[2])
    key, certificate, ca = map(str, names)
    subjects: list[Any] = []

    def handle(sock: Any, address: Any) -> None:
        subjects.append(sock.getpeercert())
        echo(sock, address)

    server = StreamServer(
        "127.0.0.1:0",
        handle,
        keyfile=key,
        certfile=certificate,
        ca_certs=ca,
        cert_reqs=ssl.CERT_REQUIRED,
        ciphers="DEFAULT",
    )
    with server:
        _, trusting = contexts()
        CERTIFICATE.configure_cert(trusting)
        with trusting.wrap_socket(connect(server), server_hostname="localhost") as client:
            assert ask(client, b"secret") == b"secret"
    assert subjects[0]["subjectAltName"]
    with pytest.raises(TypeError, match="needs certfile"):
        StreamServer("127.0.0.1:0", echo, keyfile=key)


@in_green
def test_who_cannot_speak_tls_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    class Hasty(StreamServer):
        handshake_timeout = SHORT

    context, trusting = contexts()
    with Hasty("127.0.0.1:0", echo, ssl_context=context, spawn=1) as server:
        with connect(server) as silent:
            assert silent.recv(1) == b""
        assert "took too long" in caplog.text
        with connect(server) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
            assert b"" in iter(partial(_receive, client), None)
        Hasty.handshake_timeout = LONG
        with trusting.wrap_socket(connect(server), server_hostname="localhost") as client:
            assert ask(client, b"x") == b"x"


def _receive(client: stdlib.socket) -> bytes:
    try:
        return client.recv(1000)
    except ConnectionResetError:
        return b""
