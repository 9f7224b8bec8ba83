"""The gunicorn worker as a process: how it boots, beats, reloads and ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from .gunicorn_server import GET, LONG, Gunicorn, eventually, received

if TYPE_CHECKING:
    from .conftest import FreshPython

pytest.importorskip("gunicorn", reason="gunicorn is not installed (extra: compat)")


class Asking(Thread):
    """A request that is under way."""

    def __init__(self, server: Gunicorn, path: str) -> None:
        super().__init__(daemon=True)
        self.connection = server.http()
        self.path = path
        self.answer: Any = None
        self.error: BaseException | None = None
        self.connection.connect()
        self.start()

    def run(self) -> None:
        try:
            self.connection.request("GET", self.path)
            answer = self.connection.getresponse()
            self.answer = answer.status, answer.read(), answer.getheader("Connection")
        except BaseException as error:  # carried to who looks
            self.error = error
        finally:
            self.connection.close()

    def result(self) -> Any:
        self.join(LONG)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.answer


# -- how many, how long ----------------------------------------------------------------------


def test_a_full_worker_accepts_nobody() -> None:
    with Gunicorn("--worker-connections", "2", "--keep-alive", "30") as server:
        waiting = Asking(server, "/wait?name=a")
        eventually(lambda: "GET /wait" in server.log)
        second = server.http()
        second.request("GET", "/hello")
        second.getresponse().read()
        third = Asking(server, "/open?name=a")
        third.join(0.2)
        assert third.is_alive()
        assert "GET /open" not in server.log
        second.close()
        assert third.result()[:2] == (200, b"")
        assert waiting.result()[:2] == (200, b"a")


def test_idle_connections_are_closed() -> None:
    with Gunicorn("--keep-alive", "1") as server:
        with server.connect() as sock:
            assert received(sock) == b""  # it has said nothing
        with server.connect() as sock:
            sock.sendall(GET % b"/hello")
            assert received(sock).endswith(b"Hello, World!")
        assert "Traceback" not in server.log


def test_without_keep_alive_each_answer_is_the_last() -> None:
    with Gunicorn("--keep-alive", "0") as server:
        assert b"Connection: close" in server.raw(GET % b"/hello")


def test_clients_that_fall_silent_are_dropped() -> None:
    with Gunicorn("--timeout", "1") as server:
        assert server.raw(b"GET / HT").startswith(b"HTTP/1.1 408 Request Timeout")
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        assert server.raw(head + b"x") == b""
        with server.connect() as sock:  # it asks, and takes nothing
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
            sock.sendall(GET % b"/endless?name=slow")
            eventually(lambda: "closed slow" in json.loads(server.get("/notes")))
        assert server.get("/sleep?s=1.5") == b"slept"  # the application may take its time
        assert "Traceback" not in server.log


def test_a_worker_ends_after_so_many_requests() -> None:
    with Gunicorn("--max-requests", "5") as server:
        first = server.workers
        with ThreadPoolExecutor(5) as pool:
            pids = list(pool.map(server.get, ["/pid"] * 4))
            assert set(pids) == {b"%d" % first[0]}
            connection = server.http()
            connection.request("GET", "/pid")
            answer = connection.getresponse()
            assert answer.getheader("Connection") == "close"
            answer.read()
            connection.close()
        eventually(lambda: server.workers and server.workers != first)
        assert server.get("/pid") != b"%d" % first[0]
        assert "Autorestarting worker after current request." in server.log


def test_several_workers_share_the_listeners() -> None:
    with Gunicorn("--workers", "2") as server:
        eventually(lambda: server.log.count("Booting worker") == 2)

        def burst() -> bool:
            with ThreadPoolExecutor(20) as pool:
                return len(set(pool.map(server.get, ["/pid"] * 50))) == 2

        eventually(burst)


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT here")
def test_workers_with_listeners_of_their_own() -> None:
    with Gunicorn("--workers", "2", "--reuse-port", "--bind", "127.0.0.1:18317") as server:
        eventually(lambda: server.log.count("Booting worker") == 2)
        connection = http.client.HTTPConnection("127.0.0.1", 18317, timeout=LONG)
        eventually(lambda: connects(connection))
        connection.request("GET", "/hello")
        assert connection.getresponse().read() == b"Hello, World!"
        connection.close()


def connects(connection: http.client.HTTPConnection) -> bool:
    try:
        connection.connect()
    except ConnectionRefusedError:
        return False
    return True


# -- the end -----------------------------------------------------------------------------------


def test_a_graceful_stop_finishes_what_is_under_way() -> None:
    with Gunicorn() as server:
        idle = server.http()
        idle.request("GET", "/hello")
        idle.getresponse().read()
        waiting = [Asking(server, "/wait?name=all") for n in range(3)]
        stream = server.http()
        stream.request("GET", "/stream?name=all")
        streaming = stream.getresponse()
        assert streaming.read(5) == b"first"
        eventually(lambda: server.log.count("GET /wait") == 3)
        worker = server.workers[0]
        os.kill(worker, signal.SIGTERM)
        # A connection that was idle is served once more, and told that this is the end.
        idle.request("GET", "/open?name=all")
        answer = idle.getresponse()
        assert (answer.read(), answer.getheader("Connection")) == (b"", "close")
        assert [asking.result() for asking in waiting] == [(200, b"all", "close")] * 3
        assert streaming.read() == b"second"
        stream.close()
        eventually(lambda: f"Worker exiting (pid: {worker})" in server.log)
        assert "graceful timeout" not in server.log
        assert server.get("/hello") == b"Hello, World!"  # of the next worker


def test_what_takes_too_long_is_killed_at_a_graceful_stop() -> None:
    with Gunicorn("--graceful-timeout", "1") as server:
        waiting = Asking(server, "/wait?name=long")
        stream = server.http()
        stream.request("GET", "/stream?name=stream")
        streaming = stream.getresponse()
        assert streaming.read(5) == b"first"
        eventually(lambda: "GET /wait" in server.log)
        assert server.stop() == 0
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            waiting.result()
        with pytest.raises(http.client.IncompleteRead):
            streaming.read()
        stream.close()
        assert "Worker graceful timeout" in server.log
        assert "Traceback" not in server.log


def test_idle_connections_do_not_hold_up_the_end() -> None:
    with Gunicorn("--keep-alive", "30", "--graceful-timeout", "20") as server:
        sock = server.connect()
        sock.sendall(GET % b"/hello")
        sock.recv(1000)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 15
        assert received(sock) == b""
        sock.close()
        assert "graceful timeout" not in server.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_waits_for_nobody(number: int) -> None:
    conf = "def worker_int(worker):\n    print('worker_int', flush=True)\n"
    with Gunicorn(gunicorn__conf__py=conf) as server:
        waiting = Asking(server, "/wait?name=long")
        eventually(lambda: "GET /wait" in server.log)
        server.signal(number)
        assert server.process.wait(LONG) == 0
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            waiting.result()
        assert "worker_int" in server.log
        assert "Traceback" not in server.log


def test_a_worker_that_computes_for_ever_is_replaced() -> None:
    conf = "def worker_abort(worker):\n    print('worker_abort', flush=True)\n"
    with Gunicorn("--timeout", "1", gunicorn__conf__py=conf) as server:
        first = server.workers
        Asking(server, "/spin")
        eventually(lambda: server.workers and server.workers != first)
        assert server.get("/hello") == b"Hello, World!"
        assert "WORKER TIMEOUT" in server.log
        assert "worker_abort" in server.log
        assert "in do_spin" in server.log  # where it was


def test_a_worker_that_dies_is_replaced() -> None:
    with Gunicorn() as server:
        first = server.workers
        waiting = Asking(server, "/wait?name=long")
        eventually(lambda: "GET /wait" in server.log)
        os.kill(first[0], signal.SIGKILL)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            waiting.result()
        eventually(lambda: server.workers and server.workers != first)
        assert server.get("/hello") == b"Hello, World!"


def test_a_worker_ends_with_its_arbiter() -> None:
    with Gunicorn() as server:
        worker = server.workers[0]
        server.process.kill()
        server.process.wait()
        eventually(lambda: not os.path.exists(f"/proc/{worker}"))
        assert "Parent changed, shutting down" in server.log


# -- what must be there --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "match"),
    [(None, "pip install 'greenbridge\\[gunicorn\\]'"), ((25, 3), "26 or newer")],
)
def test_what_is_missing_is_said(
    version: Any, match: str, fresh_python: FreshPython, tmp_path: Any
) -> None:
    if version is None:
        code = "import sys; sys.modules['gunicorn'] = None"
    else:
        (tmp_path / "gunicorn.py").write_text(f"version_info = {version}\n__version__ = 'old'\n")
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    code += """
try:
    import greenbridge.gunicorn
except ImportError as error:
    print(error)
"""
    assert re.search(match, fresh_python(code).stdout)
