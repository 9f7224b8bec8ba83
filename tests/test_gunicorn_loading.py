"""The gunicorn worker as a process: how it loads the application, and what can be watched."""

from __future__ import annotations

import os
import re
import signal
import socket

import pytest

from .gunicorn_server import GET, LONG, Gunicorn, eventually

pytest.importorskip("gunicorn", reason="gunicorn is not installed (extra: compat)")


# -- loading the application --------------------------------------------------------------------

APP = """
import threading, time
from time import sleep                    # a copy, made at import
from threading import Lock

VERSION = "{version}"
TICKS = []

def tick():
    while True:
        sleep(0.01)
        TICKS.append(1)

threading.Thread(target=tick, daemon=True).start()
time.sleep(0.01)

def app(environ, start):
    while len(TICKS) < 3:
        sleep(0.01)
    start("200 OK", [])
    return [(VERSION + " " + sleep.__module__).encode()]
"""


def test_a_reload_serves_the_new_application() -> None:
    with Gunicorn(app="own:app", own__py=APP.format(version="one")) as server:
        first = server.workers
        assert server.get("/").startswith(b"one ")
        # Not as long as the old one: Python keeps what it compiled if size and second are the same.
        (server.folder / "own.py").write_text(APP.format(version="second"))
        server.signal(signal.SIGHUP)
        eventually(lambda: server.workers and not set(first) & set(server.workers))
        assert server.get("/").startswith(b"second ")
        assert "Traceback" not in server.log


@pytest.mark.parametrize("engine", ["poll", "auto"])
def test_a_changed_file_reloads_by_itself(engine: str) -> None:
    options = ("--reload", "--reload-engine", engine)
    with Gunicorn(*options, app="own:app", own__py=APP.format(version="one")) as server:
        assert server.get("/").startswith(b"one ")
        (server.folder / "own.py").write_text(APP.format(version="longer"))
        eventually(lambda: "own.py modified" in server.log)
        eventually(lambda: server.get("/").startswith(b"longer "))


def test_preloading() -> None:
    app = APP.replace("threading.Thread(target=tick, daemon=True).start()", "TICKS += [1, 1, 1]")
    conf = """
import socket, time
def when_ready(server):
    import greenbridge
    print("patched in the arbiter:", len(greenbridge.patched()), flush=True)
"""
    files = {"own__py": app.format(version="one"), "gunicorn__conf__py": conf}
    with Gunicorn("--preload", "--workers", "2", app="own:app", **files) as server:
        # What the application copied from modules is green, and the arbiter is as it was.
        assert server.get("/") == b"one greenbridge.green.time"
        assert "patched in the arbiter: 0" in server.log
        first = server.workers
        server.signal(signal.SIGHUP)
        eventually(lambda: len(server.workers) == 2 and not set(first) & set(server.workers))
        assert server.get("/") == b"one greenbridge.green.time"


def test_an_application_that_cannot_be_imported_ends_gunicorn() -> None:
    with Gunicorn(app="own:missing", own__py="x = 1") as server:
        assert server.process.wait(LONG) == 4
        assert "Failed to find attribute 'missing'" in server.log


# -- what can be watched -------------------------------------------------------------------------


def test_hooks_are_called_in_order() -> None:
    names = {
        "on_starting": 1,
        "when_ready": 1,
        "pre_fork": 2,
        "post_fork": 2,
        "post_worker_init": 1,
        "pre_request": 2,
        "post_request": 4,
        "child_exit": 2,
        "worker_exit": 2,
        "on_exit": 1,
    }
    conf = "".join(
        f"def {name}({', '.join('abcd'[:count])}):\n    print('hook', {name!r}, flush=True)\n"
        for name, count in names.items()
    )
    with Gunicorn(gunicorn__conf__py=conf) as server:
        server.get("/hello")
        server.stop()
        assert re.findall(r"^hook (\w+)", server.log, re.MULTILINE) == [
            "on_starting",
            "when_ready",
            "pre_fork",
            "post_fork",
            "post_worker_init",
            "pre_request",
            "post_request",
            "worker_exit",
            "child_exit",
            "on_exit",
        ]


def test_the_access_log() -> None:
    form = "%(m)s %(U)s %(s)s %(B)s %(a)s %({x-one}i)s %({content-type}o)s %({wsgi.multithread}e)s"
    options = ("--access-logfile", "access", "--access-logformat", form)
    with Gunicorn(*options) as server:
        server.get("/hello", **{"User-Agent": "me", "X-One": "1"})
        server.raw(GET % b"/fail")
        server.raw(b"nonsense\r\n\r\n")
        log = server.folder / "access"
        eventually(log.read_text)  # it is written when the answer is on its way
        assert log.read_text().splitlines()[:1] == ["GET /hello 200 13 me 1 text/plain True"]
        log.rename(server.folder / "rotated")
        os.kill(server.workers[0], signal.SIGUSR1)
        eventually(log.exists)
        server.get("/hello")
        eventually(lambda: log.read_text().startswith("GET /hello 200 13"))


def test_statsd() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(LONG)
        host = f"127.0.0.1:{statsd.getsockname()[1]}"
        with Gunicorn("--statsd-host", host, "--statsd-prefix", "own") as server:
            server.get("/hello")
            seen: set[str] = set()
            while "own.gunicorn.request.status.200" not in seen:
                seen.add(statsd.recv(1000).decode().split(":")[0])
        assert {"own.gunicorn.requests", "own.gunicorn.request.duration"} <= seen
