"""Playwright's sync API in green threads: its driver and its HTTP client, which need no browser."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import greenbridge
from greenbridge import spawn

from .fresh import in_fresh_python
from .test_install import needs
from .test_nested_greenlets import Beside


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def visit(url: str, n: int) -> list[str]:
    import asyncio
    import importlib
    import time

    library: Any = importlib.import_module("playwright.sync_api")
    with library.sync_playwright() as playwright:
        client = playwright.request.new_context()
        texts = []
        for part in range(3):
            texts.append(client.get(f"{url}/{n}/{part}").text())
            time.sleep(0.001)  # inside the loop that Playwright leaves visible
        client.dispose()
        with pytest.raises(library.Error, match="/no/browser"):  # the driver's answer
            playwright.chromium.launch(executable_path="/no/browser")
    greenbridge.await_(asyncio.sleep(0))
    return texts


def driver_starts() -> bool:
    """Whether the driver, a Node.js of Playwright's own, finds the libraries that it needs."""
    spec = find_spec("playwright")
    if spec is None or spec.origin is None:
        return True  # which has a reason of its own
    node = Path(spec.origin).parent / "driver" / "node"
    return subprocess.run([node, "--version"], capture_output=True, check=False).returncode == 0


@needs("playwright")
@pytest.mark.skipif(not driver_starts(), reason="Playwright's driver lacks a library here")
@in_fresh_python
def test_several_drivers_at_once_in_green_threads_and_one_in_the_program() -> None:
    greenbridge.patch_all()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()  # a green thread as well
    url = f"http://127.0.0.1:{server.server_port}"
    with Beside():
        threads = [spawn(visit, url, n) for n in range(3)]
        for n, thread in enumerate(threads):
            assert thread.get() == [f"/{n}/{part}" for part in range(3)]
    server.shutdown()
    serving.join()
    server.server_close()
