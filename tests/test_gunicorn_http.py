"""What the gunicorn worker does itself of HTTP gives what gunicorn's own code gives."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest

gunicorn: Any = pytest.importorskip("gunicorn", reason="gunicorn is not installed (extra: compat)")

from gunicorn import http, util  # noqa: E402
from gunicorn.config import Config  # noqa: E402
from gunicorn.http import wsgi  # noqa: E402

from greenbridge.green import socket as green  # noqa: E402
from greenbridge.gunicorn import _http  # noqa: E402
from greenbridge.gunicorn._wire import Wire  # noqa: E402

REQUESTS = {
    "plain": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "port": b"GET /a%20b/%ff?c=%20d HTTP/1.1\r\nHost: example.org:8000\r\n\r\n",
    "no host": b"GET /a HTTP/1.0\r\n\r\n",
    "repeated": b"GET / HTTP/1.1\r\nHost: x\r\nX: 1\r\nX: 2\r\nCookie: a\r\nCookie: b\r\n\r\n",
    "body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nbody",
    "chunks": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "absolute": b"GET http://example.org/a?b HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "https": b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\n\r\n",
    "script": b"GET /base/a HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /base\r\n\r\n",
    "expect": b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "proxied": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
}
ADDRESSES: list[tuple[Any, Any]] = [
    (("127.0.0.1", 1234), ("127.0.0.1", 80)),
    (("192.0.2.9", 1234), ("0.0.0.0", 8000)),
    (("::1", 1234, 0, 0), ("::1", 8000, 0, 0)),
    ("", "/run/socket"),
    (b"", "/run/socket"),
    ("", "127.0.0.1:90"),
]


class Case:
    """One request on a socket, read by gunicorn's parser, for our code and for gunicorn's."""

    def __init__(self, data: bytes, addr: Any, server: Any, **settings: Any) -> None:
        self.cfg = Config()
        self.cfg.set("proxy_protocol", data.startswith(b"PROXY"))
        self.cfg.set("proxy_allow_ips", "*")
        for name, value in settings.items():
            self.cfg.set(name, value)
        self.near, self.far = green.socketpair()
        self.far.sendall(data)
        self.wire = Wire(self.near, True, 5.0)
        self.addr = addr
        worker = SimpleNamespace(settings=_http.Settings(self.cfg), script_name=_http.script_name())
        self.connection: Any = SimpleNamespace(
            worker=worker,
            wire=self.wire,
            listener=SimpleNamespace(address=server),
            environ=_http.connection_environ(_http.base_environ(self.cfg), self.near, addr),
        )
        parser = http.get_parser(worker.settings, self.wire, addr)
        parser.mesg_class = _http.Request
        self.req = next(parser)

    def close(self) -> None:
        self.near.close()
        self.far.close()

    def theirs(self) -> tuple[Any, dict[str, Any]]:
        resp, environ = wsgi.create(
            self.req, self.wire, self.addr, self.connection.listener.address, self.cfg
        )
        environ["gunicorn.socket"] = self.near
        environ["wsgi.multithread"] = True
        return resp, environ

    def said(self) -> bytes:
        """What was sent to the client by now."""
        self.far.setblocking(False)
        try:
            return self.far.recv(100_000)
        except BlockingIOError:
            return b""


def comparable(environ: dict[str, Any]) -> dict[str, Any]:
    """Functions and streams are made anew each time."""
    return {key: value for key, value in environ.items() if key not in OWN}


OWN = {"wsgi.errors", "wsgi.early_hints"}


@pytest.mark.parametrize(("addr", "server"), ADDRESSES)
@pytest.mark.parametrize("name", REQUESTS)
def test_the_environment_is_gunicorns(name: str, addr: Any, server: Any) -> None:
    case = Case(REQUESTS[name], addr, server, forwarder_headers="SCRIPT_NAME", header_map="drop")
    try:
        ours = _http.create(case.connection, case.req)[1]
        said = case.said()
        theirs = case.theirs()[1]
        assert comparable(ours) == comparable(theirs)
        assert set(ours) == set(theirs)
        assert said == case.said()  # 100 Continue
    finally:
        case.close()


def test_a_script_name_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SCRIPT_NAME", "/base")
    case = Case(b"GET /base/a HTTP/1.1\r\nHost: x\r\n\r\n", ("127.0.0.1", 1), ("127.0.0.1", 2))
    ours, theirs = _http.create(case.connection, case.req)[1], case.theirs()[1]
    assert comparable(ours) == comparable(theirs)
    assert (ours["SCRIPT_NAME"], ours["PATH_INFO"]) == ("/base", "/a")
    case.close()
    case = Case(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n", ("127.0.0.1", 1), ("127.0.0.1", 2))
    makers: list[Any] = [lambda: _http.create(case.connection, case.req), case.theirs]
    for make in makers:
        with pytest.raises(http.errors.ConfigurationProblem, match="does not start with"):
            make()
    case.close()


@pytest.mark.parametrize("addr", [("127.0.0.1", 1), ("192.0.2.9", 1), ""], ids=str)
@pytest.mark.parametrize("allowed", ["127.0.0.1", "*", "192.0.2.0/24"])
def test_who_is_trusted_is_gunicorns_decision(addr: Any, allowed: str) -> None:
    case = Case(REQUESTS["https"], addr, ("127.0.0.1", 2), forwarded_allow_ips=allowed)
    plain = http.Request
    case.far.sendall(REQUESTS["https"])
    parser = http.get_parser(case.cfg, case.near, addr)
    assert parser.mesg_class is plain
    assert next(parser).scheme == case.req.scheme
    case.close()


ANSWERS: dict[str, tuple[str, list[tuple[str, str]], list[bytes]]] = {
    "length": ("200 OK", [("Content-Length", "3"), ("X-One", " 1 ")], [b"abc"]),
    "chunks": ("200 OK", [], [b"a", b"", b"bc"]),
    "too long": ("200 OK", [("Content-Length", "2")], [b"abc"]),
    "none": ("204 No Content", [], []),
    "upgrade": ("101 Switching", [("Connection", "Upgrade"), ("Upgrade", "websocket")], []),
    "hop": ("200 OK", [("Connection", "close"), ("Content-Length", "0")], []),
}


@pytest.fixture
def _one_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "http_date", lambda: "now")
    monkeypatch.setattr(_http, "_date", _http._Date())


@pytest.mark.usefixtures("_one_date")
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_is_gunicorns(name: str, method: bytes, version: bytes) -> None:
    case = Case(
        method + b" / HTTP/" + version + b"\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
        ("127.0.0.1", 1),
        ("127.0.0.1", 2),
    )
    status, headers, parts = ANSWERS[name]
    said = []
    for create in (_http.create, lambda *_: case.theirs()):
        resp = create(case.connection, case.req)[0]
        resp.start_response(status, headers)
        for part in parts:
            resp.write(part)
        resp.close()
        said.append(case.said())
    assert said[0] == said[1]
    assert b"Date: now\r\n" in said[0]
    case.close()


def test_the_date_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    dates, now = iter(["first", "second"]), [0.0]
    monkeypatch.setattr(util, "http_date", lambda: next(dates))
    monkeypatch.setattr(_http, "monotonic", lambda: now[0])
    date = _http._Date()
    assert [date.now(), date.now()] == ["first", "first"]
    now[0] = 0.6
    assert date.now() == "second"


def test_settings_are_a_snapshot_with_all_names() -> None:
    cfg = Config()
    settings = _http.Settings(cfg)
    for name in cfg.settings:
        assert getattr(settings, name) == getattr(cfg, name)
    assert settings.forwarded_allow_networks() == cfg.forwarded_allow_networks()
    with pytest.raises(AttributeError):
        _ = settings.nothing


def test_a_socket_that_is_full_is_waited_for() -> None:
    near, far = green.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
    wire = Wire(near, True, 0.01)
    with pytest.raises(TimeoutError):
        wire.sendall(bytes(1_000_000))
    assert wire.failed
    near.close()
    far.close()
