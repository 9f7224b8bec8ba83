"""What the examples share: a slow HTTP server on loopback, in a real thread."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

# Examples run on every loop, as the tests do.
from tests.conftest import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds before the server answers: long enough to tell "one after another" from "at once".
LATENCY = 0.1


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(LATENCY)
        body = f"you asked for {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the examples' own output counts."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The address of a server that answers each GET after LATENCY seconds."""
    with _Server(("127.0.0.1", 0), _Slow) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
