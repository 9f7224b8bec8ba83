"""What is measured, and what greenbridge promises: data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ("ROWS", "SERVERS", "TARGETS", "Row", "Server", "Target")


@dataclass(frozen=True, slots=True)
class Server:
    """One way to serve, or to ask; {app} and {port}, or {url} and {count}, are filled in."""

    name: str
    title: str
    command: str
    prefix: str = ""  # of the application's name in apps.py


@dataclass(frozen=True, slots=True)
class Row:
    """One workload: many connections, each of which asks as fast as it is answered."""

    name: str
    title: str
    app: str
    path: str
    connections: int
    servers: tuple[str, ...]
    idle: int = 0  # connections that are open and silent meanwhile
    seconds: int = 0  # of load, at least
    fan_out: int = 0  # no server is measured, but a client that asks so often at once
    latency: float = 0.05  # seconds that the service takes which handlers or clients ask


@dataclass(frozen=True, slots=True)
class Target:
    """A limit on *figure* of *server*, divided by that of *versus*; None: on the figure itself.

    A second name in *versus_figure* compares with another row of the same run.
    """

    row: str
    server: str
    figure: str  # "rps", "p99_ms", "mb", "stall_ms", "seconds"
    limit: float
    versus: str | None
    at_least: bool = True
    of_row: str = ""  # the row of *versus*, if it is another one


_GUNICORN: Final = (
    "-m gunicorn -w 1 -b 127.0.0.1:{port} --worker-connections 12000 --keep-alive 300 "
    "--backlog 4096 --no-control-socket --log-level warning tests.web_benchmarks.apps:{app} -k "
)
_OURS: Final = "greenbridge.gunicorn.Worker"
_UVICORN: Final = (
    "-m uvicorn --host 127.0.0.1 --port {port} --http httptools --loop uvloop --no-access-log "
    "--backlog 4096 --timeout-keep-alive 300 --log-level warning tests.web_benchmarks.apps:{app}"
)

_FAN_OUT: Final = "-m tests.web_benchmarks.fan_out "

SERVERS: Final = (
    Server("gunicorn", "gunicorn with greenbridge's worker", _GUNICORN + _OURS),
    Server("gevent", "gunicorn with its gevent worker", _GUNICORN + "gevent"),
    Server("gthread", "gunicorn with 100 threads", _GUNICORN + "gthread --threads 100"),
    Server("wsgiapp", "uvicorn with greenbridge's WSGIApp", _UVICORN, "asgi_"),
    Server("a2wsgi", "uvicorn with a2wsgi", _UVICORN, "a2wsgi_"),
    Server("fastapi", "uvicorn with FastAPI as it is", _UVICORN),
    Server("requests", "greenbridge.requests", _FAN_OUT + "greenbridge {url} {count}"),
    Server("grequests", "grequests", _FAN_OUT + "grequests {url} {count}"),
    Server("green_fastapi", "the same after green_endpoints()", _UVICORN, "green_"),
)

_WSGI: Final = ("gunicorn", "gevent", "gthread", "wsgiapp")

ROWS: Final = (
    Row("hello_bare", "bare WSGI hello, 50 connections", "bare", "/", 50, _WSGI),
    Row("hello_flask", "Flask hello, 50 connections", "flask", "/", 50, _WSGI),
    Row(
        "downstream_100",
        "Flask asks a 50 ms service with urllib, 100 connections",
        "flask",
        "/downstream",
        100,
        (*_WSGI, "a2wsgi"),
    ),
    Row(
        "downstream_500",
        "the same, 500 connections",
        "flask",
        "/downstream",
        500,
        ("gunicorn", "gevent", "wsgiapp"),
    ),
    Row(
        "def_endpoint",
        "FastAPI def endpoint that blocks for 500 ms, 1,000 connections",
        "fastapi_app",
        "/",
        1000,
        ("green_fastapi", "fastapi"),
        seconds=15,  # 40 threads have served each of the connections once after 13 seconds
    ),
    Row(
        "idle_10k",
        "one busy client beside 10,000 idle connections",
        "bare",
        "/",
        1,
        ("gunicorn", "gevent"),
        idle=10_000,
    ),
    Row(
        "fan_out",
        "1,000 requests.get at once to a 20 ms service",
        "",
        "/",
        0,
        ("requests", "grequests"),
        fan_out=1_000,
        latency=0.02,
    ),
)

TARGETS: Final = (
    Target("hello_flask", "gunicorn", "rps", 1.3, "gevent"),
    Target("hello_bare", "wsgiapp", "rps", 2.5, "gevent"),
    Target("downstream_100", "gunicorn", "rps", 1.2, "gevent"),
    Target("downstream_100", "gunicorn", "p99_ms", 1.0, "gevent", at_least=False),
    Target("downstream_500", "gunicorn", "rps", 1.2, "gevent"),
    Target("downstream_500", "gunicorn", "p99_ms", 1.0, "gevent", at_least=False),
    Target("downstream_100", "wsgiapp", "rps", 1.2, "gevent"),
    Target("downstream_500", "wsgiapp", "rps", 1.2, "gevent"),
    Target("downstream_100", "wsgiapp", "rps", 5.0, "a2wsgi"),
    Target("def_endpoint", "green_fastapi", "rps", 10.0, "fastapi"),
    Target("idle_10k", "gunicorn", "mb", 1.0, "gevent", at_least=False),
    Target("idle_10k", "gunicorn", "stall_ms", 50.0, None, at_least=False),
    Target("fan_out", "requests", "seconds", 1.0, "grequests", at_least=False),
)
