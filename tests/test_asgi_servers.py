"""``WSGIApp`` and ``GreenMiddleware`` in uvicorn, hypercorn, granian and Starlette."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from . import wsgi_app
from .asgi_servers import COMMANDS, Served, need
from .gunicorn_server import LONG, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=COMMANDS)
def name(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


@pytest.fixture(scope="module")
def server(name: str) -> Iterator[Served]:
    with Served(name, "tests.asgi_app:wsgi") as running:
        yield running


def test_handlers_are_green_and_run_at_once(server: Served, name: str) -> None:
    where = json.loads(server.get("/where"))
    assert where["green"]
    assert not where["visible"]
    if not name.endswith(("asyncio", "h11")):
        assert where["loop"].split(".")[0] == "uvloop"
    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(server.get, ["/gate?count=50"] * 50)) == [b"50"] * 50


def test_the_environment(server: Served) -> None:
    environ = json.loads(server.get("/environ?a=%20b"))
    assert environ["PATH_INFO"] == "/environ"
    assert environ["QUERY_STRING"] == "a=%20b"
    assert environ["SERVER_PORT"] == str(server.port)
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["HTTP_HOST"] == f"127.0.0.1:{server.port}"


def test_bodies_of_every_kind(server: Served) -> None:
    connection = server.http()
    for body in (b"", b"x", bytes(range(256)) * 4000):
        connection.request("POST", "/echo", body)
        assert connection.getresponse().read() == body
        connection.request("POST", "/echo", iter([body[:1000] or b"y", body[1000:] or b"z"]))
        assert connection.getresponse().read() == (body[:1000] or b"y") + (body[1000:] or b"z")
    connection.request("POST", "/ignore", b"x" * 10_000)
    assert connection.getresponse().read() == b"ignored"
    connection.close()


def test_answers_of_every_kind(server: Served) -> None:
    with open(wsgi_app.__file__, "rb") as file:
        text = file.read()
    assert server.get("/file") == text
    assert server.get("/write") == b"one two three"
    assert len(server.get("/large?size=5000000")) == 5_000_000
    connection = server.http()
    for path, status, body in [("/no-content", 204, b""), ("/replace", 500, b"replaced")]:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, body)
    connection.request("HEAD", "/hello")
    answer = connection.getresponse()
    assert (answer.getheader("Content-Length"), answer.read()) == ("13", b"")
    connection.close()


def test_an_answer_is_sent_as_it_is_made(server: Served) -> None:
    connection = server.http()
    connection.request("GET", "/stream?name=stream")
    answer = connection.getresponse()
    assert answer.read(5) == b"first"
    server.get("/open?name=stream")
    assert answer.read() == b"second"
    connection.close()
    assert "closed stream" in json.loads(server.get("/notes"))


def test_an_error_of_the_application_is_answered(server: Served) -> None:
    for path in ("/fail", "/exit"):
        connection = server.http()
        connection.request("GET", path)
        assert connection.getresponse().status == 500
        connection.close()
    assert server.get("/hello") == b"Hello, World!"


@pytest.mark.parametrize("kind", ["wait", "stream", "endless"])
def test_a_client_that_goes_away_ends_the_handler(server: Served, kind: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), LONG) as sock:
        sock.sendall(f"GET /{kind}?name=gone-{kind} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        if kind == "wait":
            eventually(lambda: server.get("/hello"))
        else:
            sock.recv(1000)
    eventually(lambda: f"gone-{kind}" in server.get("/notes").decode())


def test_a_large_answer_waits_for_a_slow_client(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), LONG) as sock:
        sock.sendall(b"GET /large?size=30000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        sock.recv(1000)
        assert server.get("/hello") == b"Hello, World!"
        count = 0
        while data := sock.recv(1_000_000):
            count += len(data)
        assert count > 29_900_000


def test_blocking_calls_in_async_handlers(name: str) -> None:
    with Served(name, "tests.asgi_app:green") as server, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(server.get, ["/?20"] * 20))
        assert [json.loads(answer)["most"] for answer in answers] == [20] * 20
        assert all(json.loads(answer)["task"] for answer in answers)


def test_below_a_path_of_starlette() -> None:
    need("uvicorn")
    need("starlette")
    with Served("uvicorn", "tests.asgi_app:mounted", "--factory") as server:
        assert server.get("/own") == b"own"
        environ = json.loads(server.get("/old/environ"))
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/old", "/environ")
        with ThreadPoolExecutor(50) as pool:
            assert list(pool.map(server.get, ["/old/gate?count=50"] * 50)) == [b"50"] * 50
