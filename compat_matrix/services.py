"""The servers of the scenarios: found where they usually listen, or started for the run.

A row of ``SERVICES`` is data. A service that this machine neither runs nor can start is absent, and
its cells are reported as not run, with the reason.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("LATENCY", "SERVICES", "AbsentError", "Service", "running")

#: Seconds that a call has to wait at the server: long beside what the client computes, or the
#: comparison would measure Python.
LATENCY: Final = 0.05
#: Seconds that a server may take to start.
_START: Final = 30.0
_ROOT: Final = Path(__file__).resolve().parent.parent


class AbsentError(Exception):
    """The service does not run here and cannot be started; the text says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """A server, and how to get one."""

    #: Where it usually listens; 0: it is always started.
    port: int = 0
    #: A program of compat_matrix.serving, run with LATENCY as its argument.
    program: str = ""
    #: What the program needs from PyPI.
    requires: tuple[str, ...] = ()
    #: A command of a Debian package that serves on {port}, in {folder}; until it is killed.
    command: tuple[str, ...] = ()
    #: Answers come late by LATENCY; for servers that cannot be asked to wait.
    delayed: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


SERVICES: Final[dict[str, Service]] = {
    "http": Service(program="http", requires=("uvicorn", "trustme")),
    "websocket": Service(program="websocket", requires=("websockets",)),
    "dns": Service(program="dns", requires=("dnslib",)),
    "ssh": Service(program="ssh", requires=("asyncssh",)),
    "grpc": Service(program="grpc", requires=("grpcio",)),
    "aws": Service(program="aws", requires=("moto[server,s3]",), delayed=True),
    "ftp": Service(program="ftp", requires=("pyftpdlib",), delayed=True),
    "smtp": Service(program="smtp", requires=("aiosmtpd",), delayed=True),
    "imap": Service(program="imap", requires=("pymap",), delayed=True),
    "ldap": Service(program="ldap", requires=("ldaptor",), delayed=True),
    "mongo": Service(program="mongo", requires=("nx-27017",), delayed=True),
    "kafka": Service(program="kafka", requires=("confluent-kafka",)),
    "oracle": Service(
        port=1521, extra={"user": "system", "password": "oracle", "service_name": "FREEPDB1"}
    ),
    "postgres": Service(port=5432, extra={"user": "postgres", "database": "test"}),
    "mariadb": Service(port=3306, extra={"user": "root", "password": "", "database": "test"}),
    "redis": Service(
        port=6379,
        command=("redis-server", "--port", "{port}", "--save", "", "--dir", "{folder}"),
    ),
    "rabbitmq": Service(port=5672, delayed=True, extra={"user": "guest", "password": "guest"}),
    "stomp": Service(program="stomp", requires=("coilmq",), delayed=True),
    "mqtt": Service(port=1883, command=("mosquitto", "-p", "{port}"), delayed=True),
    "nats": Service(
        port=4222, command=("nats-server", "-a", "127.0.0.1", "-p", "{port}"), delayed=True
    ),
    "memcached": Service(
        port=11211,
        command=("memcached", "-l", "127.0.0.1", "-p", "{port}", "-u", "root"),
        delayed=True,
    ),
}


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _program(python: list[str], name: str, *arguments: str) -> Iterator[dict[str, Any]]:
    command = [*python, "-m", f"compat_matrix.serving.{name}", *arguments]
    with (
        tempfile.TemporaryFile("w+") as log,
        _process(command, stdout=subprocess.PIPE, stderr=log, cwd=_ROOT) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            log.seek(0)
            said = (log.read().strip().splitlines() or ["it said nothing"])[-1]
            raise AbsentError(f"{name} ended with exit code {process.returncode}: {said}")
        yield json.loads(line)


@contextmanager
def _command(command: tuple[str, ...], folder: Path) -> Iterator[int]:
    if shutil.which(command[0]) is None:
        raise AbsentError(f"it does not run here, and there is no {command[0]} to start")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    filled = [part.format(port=port, folder=folder) for part in command]
    with _process(filled, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + _START
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise AbsentError(f"{' '.join(filled)} does not answer")
            time.sleep(0.05)
        try:
            yield port
        finally:
            process.terminate()


@contextmanager
def running(
    name: str, python: list[str], folder: Path, *, late: bool = True
) -> Iterator[dict[str, Any]]:
    """The server called *name*, as what the worker's ``Server`` takes.

    Args:
        python: the command of a Python that has what the programs require.
        folder: where a server that is started may write.
        late: have answers come late, where the row says so.

    Raises:
        AbsentError: it neither runs here nor can be started.
    """
    service = SERVICES[name]
    if not late:
        service = replace(service, delayed=False)
    if service.program:
        with (
            _program(python, service.program, str(LATENCY)) as where,
            _late(service, where.pop("port"), python) as port,
        ):
            yield _described(port, {**service.extra, **where})
    elif service.port and _answers(service.port):
        with _late(service, service.port, python) as port:
            yield _described(port, service.extra)
    elif service.command:
        with _command(service.command, folder) as port, _late(service, port, python) as shown:
            yield _described(shown, service.extra)
    else:
        raise AbsentError(f"nothing answers on 127.0.0.1:{service.port}")


@contextmanager
def _late(service: Service, port: int, python: list[str]) -> Iterator[int]:
    if not service.delayed:
        yield port
        return
    with _program(python, "delaying", "127.0.0.1", str(port), str(LATENCY)) as where:
        yield where["port"]


def _described(port: int, extra: dict[str, Any]) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "latency": LATENCY, "extra": extra}
