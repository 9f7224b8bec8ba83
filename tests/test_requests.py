"""greenbridge.requests: many requests at once, with the names of grequests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests as plain_requests

import greenbridge
from greenbridge import requests

from .fresh import in_fresh_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _serving(body: Callable[[str], None]) -> None:
    """Patch, and call *body* with the address of a server that answers when all are there."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    together = threading.Barrier(5)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/never"):
                gone.wait()
                return
            if self.path.startswith("/together"):
                together.wait(20)
            answer = self.path.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    gone = threading.Event()
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    greenbridge.patch_all(exclude={"threading"} & _known())
    try:
        body(f"http://127.0.0.1:{server.server_port}")
    finally:
        gone.set()
        server.shutdown()


def _known() -> set[str]:
    from greenbridge._patch_table import load_tables

    return {table.module for table in load_tables()}


@in_fresh_python
def test_all_are_under_way_at_once_and_come_in_order() -> None:
    def body(base: str) -> None:
        seen: list[tuple[int, int]] = []
        described = [requests.get(f"{base}/together/{n}") for n in range(5)]
        answers = requests.map(described, progress=lambda done, all_: seen.append((done, all_)))
        assert [answer.text for answer in answers] == [f"/together/{n}" for n in range(5)]
        assert seen == [(n, 5) for n in range(1, 6)]

    _serving(body)


@in_fresh_python
def test_no_more_than_size_are_under_way() -> None:
    under_way = most = 0
    plain: Any = None

    def request(*args: object, **kwargs: object) -> object:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        greenbridge.sleep(0)
        try:
            return plain(*args, **kwargs)
        finally:
            under_way -= 1

    def body(base: str) -> None:
        nonlocal plain
        session: Any = plain_requests.Session()
        plain, session.request = session.request, request
        found = dict(
            requests.imap_enumerated(
                [requests.get(f"{base}/{n}", session=session) for n in range(20)], size=3
            )
        )
        assert {place: answer.text for place, answer in found.items()} == {
            n: f"/{n}" for n in range(20)
        }
        assert most == 3

    _serving(body)


@in_fresh_python
def test_an_error_is_the_handlers_or_none() -> None:
    def body(base: str) -> None:
        def described() -> list[requests.AsyncRequest]:
            return [requests.get("http://127.0.0.1:1/"), requests.get(f"{base}/ok")]

        missing, answer = requests.map(described())
        assert missing is None
        assert answer.text == "/ok"
        told, answer = requests.map(
            described(), exception_handler=lambda one, error: (one.url, type(error).__name__)
        )
        assert told == ("http://127.0.0.1:1/", "ConnectionError")
        assert [a.text for a in requests.imap(described())] == ["/ok"]
        failed = requests.get("http://127.0.0.1:1/").send()
        assert "ConnectionError" in (failed.traceback or "")

    _serving(body)


@in_fresh_python
def test_what_is_late_is_ended() -> None:
    def body(base: str) -> None:
        described = [requests.get(f"{base}/never"), requests.get(f"{base}/ok")]
        late, answer = requests.map(described, gtimeout=0.5)
        assert late is None
        assert answer.text == "/ok"
        assert isinstance(described[0].exception, TimeoutError)
        greenbridge.sleep(0)
        from greenbridge.testing import parked_threads

        assert not parked_threads()

    _serving(body)


@in_fresh_python
def test_given_up_iteration_ends_what_is_under_way() -> None:
    def body(base: str) -> None:
        described = [requests.get(f"{base}/ok"), *(requests.get(f"{base}/never") for _ in range(3))]
        answers: Iterator[object] = requests.imap(described, size=4)
        next(answers)
        answers.close()  # type: ignore[attr-defined]
        greenbridge.sleep(0)
        from greenbridge.testing import parked_threads

        assert not parked_threads()

    _serving(body)


@in_fresh_python
def test_callbacks_sessions_streams_and_send() -> None:
    def body(base: str) -> None:
        def shout(response: object, *args: object, **kwargs: object) -> object:
            seen.append(response.text)  # type: ignore[attr-defined]
            return None

        seen: list[str] = []
        (answer,) = requests.map([requests.get(f"{base}/called", callback=shout)])
        assert seen == [answer.text] == ["/called"]
        (answer,) = requests.map([requests.get(f"{base}/streamed")], stream=True)
        assert not answer._content_consumed
        assert answer.text == "/streamed"
        thread = requests.send(requests.get(f"{base}/sent"), greenbridge.Pool(1))
        assert thread.get().response.text == "/sent"

    _serving(body)


def test_without_patching_it_is_refused() -> None:
    with pytest.raises(greenbridge.GreenbridgeError, match=r"import greenbridge\.auto"):
        requests.map([requests.get("http://127.0.0.1:1/")])


@in_fresh_python
def test_bad_arguments_are_refused() -> None:
    greenbridge.patch("socket")
    one = requests.get("http://127.0.0.1:1/")
    with pytest.raises(ValueError, match="stands there twice"):
        requests.map([one, one])
    with pytest.raises(ValueError, match="at least one"):
        requests.map([one], size=0)
    with pytest.raises(greenbridge.BadTimeoutError):
        requests.map([one], gtimeout=-1)
    assert one.exception is None
