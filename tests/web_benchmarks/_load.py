"""Servers as processes, and the load on them."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._rows import Row, Server

ROOT: Final = Path(__file__).resolve().parent.parent.parent
#: Seconds that a server may take to start; a guess.
_START_S: Final = 30.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_REQUEST: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def allow_many_files() -> None:
    """Let this process and its children have as many descriptors as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Process:
    """A Python program that listens on a port of its own."""

    def __init__(self, arguments: str, env: dict[str, str], **filled: str) -> None:
        self.port = free_port()
        command = arguments.format(port=self.port, **filled).split()
        self._process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env={**os.environ, **env}
        )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return self
            except ConnectionRefusedError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def worker(self) -> int:
        """The process that serves: the child, if there is one."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else pid

    def cpu_s(self) -> float:
        """The CPU time that the worker has taken, in seconds."""
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def mb(self) -> float:
        """The memory of the worker (resident), in MB."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.worker}/status").read_text())
        assert found
        return int(found[1]) / 1000


def serve(server: Server, row: Row, downstream: str) -> Process:
    """Start *server* for *row*."""
    app = {"flask": "flask_app"}.get(row.app, row.app) if not server.prefix else row.app
    return Process(
        server.command,
        {"WEB_BENCHMARKS_DOWNSTREAM": downstream, "PYTHONPATH": str(ROOT)},
        app=server.prefix + app,
    )


def wrk(process: Process, path: str, connections: int, seconds: int) -> dict[str, float]:
    """The figures of one run of wrk."""
    before = process.cpu_s()
    done = subprocess.run(
        [
            "wrk",
            "--threads=1",
            f"--connections={connections}",
            f"--duration={seconds}s",
            "--timeout=60s",
            "--latency",
            f"http://127.0.0.1:{process.port}{path}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cpu = process.cpu_s() - before
    count = int(_number(r"(\d+) requests in", done))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
    errors = re.search(r"Socket errors: (.*)", done)
    return {
        "rps": _number(r"Requests/sec:\s+([\d.]+)", done),
        "p99_ms": _latency(done),
        "cpu_us": cpu / max(count, 1) * 1e6,
        "mb": process.mb(),
        "errors": float(bad[1]) if bad else float(bool(errors)),
    }


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])


def _latency(text: str) -> float:
    found = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", text)
    assert found, text
    return float(found[1]) * _UNITS[found[2]]


def ask(command: str, url: str, count: int) -> dict[str, float]:
    """The figures of a client that asks *url* *count* times at once."""
    done = subprocess.run(
        [sys.executable, *command.format(url=url, count=count).split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


# -- connections that are open and silent ----------------------------------------------------


def open_idle(process: Process, count: int) -> list[socket.socket]:
    """*count* connections, each of which has had one answer."""
    opened = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", process.port), 30)
        sock.sendall(_REQUEST)
        opened.append(sock)
    for sock in opened:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    return opened


def closed(idle: list[socket.socket]) -> int:
    """How many of them the server has closed."""
    poller = select.poll()
    for sock in idle:
        poller.register(sock, select.POLLIN)
    return len(poller.poll(0))


def busy(process: Process, seconds: float) -> dict[str, float]:
    """One client that asks and asks: how often, and the longest that it waited."""
    count, longest = 0, 0.0
    with socket.create_connection(("127.0.0.1", process.port), 30) as sock:
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            sock.sendall(_REQUEST)
            sock.recv(4096)
            longest = max(longest, time.monotonic() - began)
            count += 1
    return {"rps": count / seconds, "stall_ms": longest * 1000}
