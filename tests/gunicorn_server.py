"""gunicorn with our worker, as a real process on loopback."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

#: A request, but for its path.
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
#: Seconds that something may take which takes milliseconds; a guess.
LONG = 30.0


def eventually(condition: Callable[[], Any]) -> Any:
    """Ask until *condition* gives something true, and return that."""
    deadline = time.monotonic() + LONG
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{condition} did not come true in {LONG} seconds"
        time.sleep(0.01)
    return found


class Gunicorn:
    """A running gunicorn; stopped at the end of the ``with`` block, if it has not ended.

    Args:
        options: more of the command line.
        app: what to serve.
        files: more files in the folder where it runs, as `gunicorn.conf.py`.
    """

    def __init__(
        self, *options: str, app: str = "tests.wsgi_app:application", **files: str
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)
        bind = [] if "--bind" in options else ["--bind", "127.0.0.1:0"]
        self._log = (self.folder / "log").open("w")
        command = [sys.executable, "-X", "faulthandler", "-m", "gunicorn", *bind]
        worker = ["-k", "greenbridge.gunicorn.Worker", "--no-control-socket"]
        self.process = subprocess.Popen(
            [*command, *worker, "--log-level", "debug", *options, app],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{self.folder}"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        try:
            eventually(lambda: "Booting worker" in self.log or self.process.poll() is not None)
            assert self.process.poll() is None, self.log
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
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
        return (self.folder / "log").read_text()

    @property
    def address(self) -> tuple[str, int]:
        found = re.search(r"Listening at: https?://([\d.]+):(\d+)", self.log)
        assert found, self.log
        return found[1], int(found[2])

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers that have not ended."""
        pid = self.process.pid
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """Stop gracefully; the exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(LONG)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, LONG)

    def http(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=LONG)

    def get(self, path: str, **headers: str) -> bytes:
        """The body of the answer to one GET, which must be a good one."""
        connection = self.http()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (answer.status, body, self.log)
            return body
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """Send *data* on a new connection; all that comes until the server closes it."""
        with self.connect() as sock:
            sock.sendall(data)
            return received(sock)


def received(sock: socket.socket) -> bytes:
    """All that comes until the end."""
    parts = []
    while data := sock.recv(65536):
        parts.append(data)
    return b"".join(parts)
