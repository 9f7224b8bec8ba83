"""Real ASGI servers, as processes on loopback."""

from __future__ import annotations

import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import ROOT
from .gunicorn_server import LONG, eventually, received

if TYPE_CHECKING:
    from typing_extensions import Self

#: How each server is started; {app} and {port} are filled in.
COMMANDS = {
    "uvicorn": "uvicorn {app} --port {port} --http httptools --loop uvloop",
    "uvicorn-h11": "uvicorn {app} --port {port} --http h11 --loop asyncio",
    "hypercorn": "hypercorn {app} --bind 127.0.0.1:{port} --worker-class uvloop",
    "hypercorn-asyncio": "hypercorn {app} --bind 127.0.0.1:{port} --worker-class asyncio",
    "granian": "granian --interface asgi --loop uvloop --port {port} {app}",
    "granian-asyncio": "granian --interface asgi --loop asyncio --port {port} {app}",
}


def need(name: str) -> None:
    """Skip the test if the server *name* is not installed."""
    package = name.partition("-")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed (extra: compat)")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Served:
    """*app* served by the server *name*; stopped at the end of the ``with`` block."""

    def __init__(self, name: str, app: str, *options: str) -> None:
        self.name = name
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory()
        self._log = (Path(self._folder.name) / "log").open("w")
        command = COMMANDS[name].format(app=app, port=self.port).split()
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", *command, *options],
            cwd=self._folder.name,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        try:
            eventually(self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            socket.create_connection(("127.0.0.1", self.port), LONG).close()
        except ConnectionRefusedError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(LONG)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()
        self._folder.cleanup()

    @property
    def log(self) -> str:
        """All that it has written."""
        return (Path(self._folder.name) / "log").read_text()

    def http(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG)

    def get(self, path: str) -> bytes:
        """The body of the answer to one GET, which must be a good one."""
        connection = self.http()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (answer.status, body, self.log)
            return body
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """Send *data* on a new connection; all that comes until the server closes it."""
        with socket.create_connection(("127.0.0.1", self.port), LONG) as sock:
            sock.sendall(data)
            return received(sock)
