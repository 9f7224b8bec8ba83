"""The gunicorn worker: requests and answers over real sockets."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from . import wsgi_app
from .conftest import ROOT
from .gunicorn_server import LONG, Gunicorn, eventually, received

if TYPE_CHECKING:
    from collections.abc import Iterator

gunicorn: Any = pytest.importorskip("gunicorn", reason="gunicorn is not installed (extra: compat)")

CLOSE = b"Connection: close\r\n"


@pytest.fixture(scope="module", params=["auto", "asyncio"])
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(loop: str) -> Iterator[Gunicorn]:
    with Gunicorn("--asgi-loop", loop) as running:
        yield running


def test_handlers_are_green_and_run_at_once(server: Gunicorn) -> None:
    where = json.loads(server.get("/where"))
    assert where["green"]
    assert not where["visible"]
    assert {"socket", "time", "ssl"} <= set(where["patched"])
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(server.get, ["/gate?count=20"] * 20))
    assert answers == [b"20"] * 20


def test_the_loop_is_chosen_by_gunicorns_setting(server: Gunicorn, loop: str) -> None:
    used = json.loads(server.get("/where"))["loop"].split(".")[0]
    assert used == ("uvloop" if loop == "auto" else loop)


def test_a_connection_serves_many_requests(server: Gunicorn) -> None:
    connection = server.http()
    ports = set()
    for _ in range(3):
        connection.request("GET", "/environ")
        answer = connection.getresponse()
        assert answer.getheader("Connection") == "keep-alive"
        ports.add(json.loads(answer.read())["REMOTE_PORT"])
    assert len(ports) == 1
    connection.close()


def test_requests_may_come_before_the_answers(server: Gunicorn) -> None:
    request = b"GET /hello HTTP/1.1\r\nHost: x\r\n"
    got = server.raw((request + b"\r\n") * 4 + request + CLOSE + b"\r\n")
    assert got.count(b"Hello, World!") == 5
    assert got.count(b"Connection: close") == 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_closing_is_agreed_on(server: Gunicorn, version: str) -> None:
    got = server.raw(f"GET / HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert b"Connection: close" in got
    with server.connect() as sock:
        sock.sendall(f"GET / HTTP/{version}\r\nHost: x\r\nConnection: keep-alive\r\n\r\n".encode())
        assert b"Connection: keep-alive" in sock.recv(1000)


def test_bodies_of_every_kind(server: Gunicorn) -> None:
    connection = server.http()
    for body in (b"", b"x", bytes(range(256)) * 4000):
        connection.request("POST", "/echo", body)
        assert connection.getresponse().read() == body
        connection.request("POST", "/echo", iter([body[:1000] or b"y", body[1000:] or b"z"]))
        assert connection.getresponse().read() == (body[:1000] or b"y") + (body[1000:] or b"z")
    connection.request("POST", "/echo-lines", b"a\nb\nc")
    assert connection.getresponse().read() == b"a\n|b\n|c"
    connection.close()


def test_a_body_that_nobody_reads_does_not_harm_the_next_request(server: Gunicorn) -> None:
    connection = server.http()
    for size in (1, 10_000):
        connection.request("POST", "/ignore", bytes(size))
        assert connection.getresponse().read() == b"ignored"
    connection.close()
    # Too much of it: the connection is closed instead, and the answer arrives all the same.
    head = b"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    assert server.raw(head + bytes(100_000)).endswith(b"ignored")


def test_a_client_that_asks_before_it_sends(server: Gunicorn) -> None:
    with server.connect() as sock:
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n"
            + CLOSE
            + b"\r\n"
        )
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"body")
        assert received(sock).endswith(b"body")


def test_an_answer_is_sent_as_it_is_made(server: Gunicorn) -> None:
    for query in ("", "&length=11"):
        connection = server.http()
        connection.request("GET", f"/stream?name=stream{query}")
        answer = connection.getresponse()
        assert answer.read(5) == b"first"
        server.get(f"/open?name=stream{query}".split("&")[0])
        assert answer.read() == b"second"
        assert answer.getheader("Transfer-Encoding") == (None if query else "chunked")
        connection.close()
    assert "closed stream" in json.loads(server.get("/notes"))


def test_what_pep_3333_allows(server: Gunicorn) -> None:
    assert server.get("/write") == b"one two three"
    connection = server.http()
    connection.request("GET", "/replace")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (500, b"replaced")
    connection.request("HEAD", "/hello")
    answer = connection.getresponse()
    assert (answer.getheader("Content-Length"), answer.read()) == ("13", b"")
    connection.request("GET", "/no-content")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (204, b"")
    connection.request("GET", "/hello")
    assert connection.getresponse().read() == b"Hello, World!"
    connection.close()


@pytest.mark.parametrize("kind", ["disk", "memory", "part"])
def test_files(server: Gunicorn, kind: str) -> None:
    with open(wsgi_app.__file__, "rb") as file:
        text = file.read()
    assert server.get(f"/file?kind={kind}") == (text[100:] if kind == "part" else text)


def test_a_large_answer_to_a_slow_client(server: Gunicorn) -> None:
    size = 20_000_000
    with server.connect() as sock:
        sock.sendall(f"GET /large?size={size} HTTP/1.0\r\n\r\n".encode())
        sock.recv(1000)
        assert server.get("/hello") == b"Hello, World!"  # others are served meanwhile
        assert len(received(sock)) > size - 1000


@pytest.mark.parametrize("path", ["/fail", "/fail-os", "/exit", "/twice", "/bad-header"])
def test_an_error_of_the_application_is_answered_and_logged(server: Gunicorn, path: str) -> None:
    answer = server.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    if path == "/bad-header" and gunicorn.version_info < (27,):
        assert answer.startswith(b"HTTP/1.1 400 Bad Request")  # it blamed the client
        return
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error")
    assert f"Error handling request GET {path}" in server.log
    assert server.get("/hello") == b"Hello, World!"


def test_an_error_amid_the_answer_cuts_it_off(server: Gunicorn) -> None:
    got = server.raw(b"GET /fail-late HTTP/1.1\r\nHost: x\r\n\r\n")
    assert got.endswith(b"4\r\npart\r\n")  # and not the end of a body in chunks
    assert b"500" not in got


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n bad: x\r\n\r\n", b"400"),
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 9000), b"400 414"),
        (b"GET / HTTP/1.1\r\nX: %s\r\n\r\n" % (b"x" * 9000), b"431"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: strange\r\n\r\n", b"400 501"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400"),
    ],
    ids=range(7),
)
def test_wrong_requests_are_refused(server: Gunicorn, request_: bytes, status: bytes) -> None:
    assert server.raw(request_).split(b" ")[1] in status.split()


def test_a_client_that_goes_away_is_no_error(server: Gunicorn) -> None:
    before = len(server.log)
    for data in (b"", b"GET / HT", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"):
        with server.connect() as sock:
            sock.sendall(data)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with server.connect() as sock:
        sock.sendall(b"GET /endless?name=endless HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1000)
    eventually(lambda: "closed endless" in json.loads(server.get("/notes")))
    assert "Traceback" not in server.log[before:]


def test_early_hints_and_the_error_stream(server: Gunicorn) -> None:
    got = server.raw(b"GET /hints HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n")
    assert got.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    server.get("/log")
    assert "to the error log" in server.log


def test_several_sends_are_one_packet(server: Gunicorn) -> None:
    with server.connect() as sock:
        sock.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(1000).endswith(b"\r\n\r\nHello, World!")


# -- one server each -------------------------------------------------------------------------


def test_unix_sockets() -> None:
    with Gunicorn("--bind", "unix:socket") as server, socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(LONG)
        sock.connect(str(server.folder / "socket"))
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert received(sock).endswith(b"Hello, World!")


@pytest.fixture
def trusted() -> Any:
    return pytest.importorskip("trustme", reason="trustme is not installed (extra: test)").CA()


def certificate_files(trusted: Any) -> dict[str, str]:
    certificate = trusted.issue_cert("localhost", "127.0.0.1")
    return {
        "key__pem": certificate.private_key_pem.bytes().decode(),
        "cert__pem": "".join(pem.bytes().decode() for pem in certificate.cert_chain_pems),
    }


def test_tls(trusted: Any) -> None:
    conf = """
def ssl_context(config, default):
    context = default()
    context.set_alpn_protocols(["http/1.1"])
    return context
"""
    files = {**certificate_files(trusted), "gunicorn__conf__py": conf}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    trusted.configure_trust(context)
    with Gunicorn("--certfile", "cert.pem", "--keyfile", "key.pem", **files) as server:
        plain = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Hello" not in plain
        with context.wrap_socket(server.connect(), server_hostname="localhost") as sock:
            assert sock.selected_alpn_protocol() == "http/1.1"
            for _ in range(2):
                sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
                got = b""
                while got.count(b"Hello, World!") < 2:
                    got += sock.recv(10_000)
            sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n")
            sock.sendall(CLOSE + b"\r\n" + b"x" * 1_000_000)
            assert received(sock).endswith(b"x" * 1_000_000)
        assert "Traceback" not in server.log


def test_the_proxy_protocol_and_trusted_headers() -> None:
    with Gunicorn("--proxy-protocol", "--forwarded-allow-ips", "127.0.0.1") as server:
        got = server.raw(
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"
            b"GET /environ HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\n\r\n"
            b"GET /environ HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n"
        )
        environs = [json.loads(part.split(b"}")[0] + b"}") for part in got.split(b"\r\n\r\n")[1:]]
        assert [environ["REMOTE_ADDR"] for environ in environs] == ["192.0.2.1"] * 2
        assert [environ["wsgi.url_scheme"] for environ in environs] == ["https", "http"]
    with Gunicorn("--proxy-protocol", "--proxy-allow-from", "192.0.2.9") as server:
        assert b"403 Forbidden" in server.raw(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\r\n")


def test_http_2_is_left_to_gunicorn(trusted: Any) -> None:
    httpx = pytest.importorskip("httpx", reason="httpx is not installed (extra: compat)")
    pytest.importorskip("h2", reason="h2 is not installed (extra: compat)")
    files = certificate_files(trusted)
    context = ssl.create_default_context()
    trusted.configure_trust(context)
    options = ("--certfile", "cert.pem", "--keyfile", "key.pem", "--http-protocols", "h2,h1")
    with Gunicorn(*options, **files) as server, httpx.Client(http2=True, verify=context) as client:
        for _ in range(2):
            answer = client.get(f"https://127.0.0.1:{server.address[1]}/hello")
            assert (answer.http_version, answer.text) == ("HTTP/2", "Hello, World!")
        with httpx.Client(verify=context) as older:
            answer = older.get(f"https://127.0.0.1:{server.address[1]}/hello")
            assert (answer.http_version, answer.text) == ("HTTP/1.1", "Hello, World!")


def test_the_application_of_the_guide_serves_many_at_once() -> None:
    folder = ROOT / "docs" / "how-to"
    options = "-k greenbridge.gunicorn.Worker --worker-connections 500"
    assert options in (folder / "gunicorn.md").read_text(encoding="utf-8")
    program = (folder / "gunicorn_app.py").read_text(encoding="utf-8")
    with (
        Gunicorn("--worker-connections", "500", app="guide:app", guide__py=program) as server,
        ThreadPoolExecutor(20) as pool,
    ):
        began = time.monotonic()
        assert list(pool.map(server.get, ["/"] * 20)) == [b"slept\n"] * 20
        assert time.monotonic() - began < 3, "one after another they take 4 seconds"
