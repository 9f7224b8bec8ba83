"""Starts the demo's server and, for each way, a fresh process that runs the client and measures.

Nothing here is patched or green: the processes are watched with plain blocking reads.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, final

from .worker import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE: Final = Path(__file__).resolve().parent
CLIENT: Final = HERE / "client.py"
_CERTIFICATE: Final = str(HERE / "demo-only-certificate.pem")
_KEY: Final = str(HERE / "demo-only-key.pem")

#: The ways to run the client, in the order of the table, with the words for them.
WAYS: Final = {
    "sequence": "one after another",
    "threads": "OS threads",
    "green": "green threads",
}
#: Seconds after which no further request is made one after another: nobody waits hours for a demo.
SEQUENCE_LIMIT_S: Final = 20.0
#: Seconds that any way may take before it is ended as stuck: far above what one needs (a guess).
_STUCK_S: Final = 240.0
#: Descriptors that a process needs besides one for each request: a guess, twice what was seen.
SPARE_FILES: Final = 64


class DemoError(Exception):
    """The demo cannot run here; the message says why and what to do."""


@final
@dataclass(frozen=True, slots=True)
class Measured:
    """How one way did."""

    way: str
    requests: int = 0  # answered, and rightly
    failed: int = 0
    error: str = ""  # the first thing that went wrong
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    os_threads: int = 0
    largest_gap_s: float = 0.0


def allow_open_files(requests: int) -> None:
    """Raise this process's limit of open files, which the demo's processes inherit.

    Raises:
        DemoError: if the system does not allow as many as *requests* need.
    """
    if sys.platform == "win32":
        return
    import resource

    needed = requests + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise DemoError(
            f"-n {requests} needs {needed} open files in one process, and this system allows "
            f"{hard}: write -n {max(1, hard - SPARE_FILES)}, or first: ulimit -Hn {needed}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _environment() -> dict[str, str]:
    """What our processes see: no proxies, and the greenbridge that we are."""
    hidden = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    environment = {k: v for k, v in os.environ.items() if k.lower() not in hidden}
    root = HERE.parent.parent
    if root.name not in ("site-packages", "dist-packages"):  # a checkout: found by python -m
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(root), known] if known else [str(root)])
    return environment


@contextmanager
def _process(*words: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A Python program of this folder and the file with its errors; ended with the block."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(),
            text=True,
        ) as process,
    ):
        try:
            yield process, errors
        finally:
            process.kill()
            process.wait()  # Popen does not, after Ctrl-C


def _ending(code: int) -> str:
    return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _last_words(errors: IO[str]) -> str:
    errors.seek(0)
    lines = errors.read().strip().splitlines()
    return lines[-1] if lines else "it said nothing"


@contextmanager
def serving(latency: float) -> Iterator[tuple[int, int]]:
    """Run the server, which answers after *latency* seconds; gives its HTTP and HTTPS ports.

    Raises:
        DemoError: if the server does not start.
    """
    program = str(HERE / "server.py")
    with _process(program, str(latency), _CERTIFICATE, _KEY) as (process, errors):
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            raise DemoError(f"the demo's server did not start: {_last_words(errors)}")
        ports = json.loads(line)
        yield ports["http"], ports["https"]


def measure(
    way: str,
    *,
    requests: int,
    loop: str,
    ports: tuple[int, int],
    progress: Callable[[int], None],
) -> Measured:
    """Run the client in the way called *way* and tell how it did.

    *progress* is called with the number of requests that have ended. Whatever goes wrong
    in the process is told in the result.
    """
    job = Job(
        way=way,
        loop=loop,
        client=str(CLIENT),
        certificate=_CERTIFICATE,
        http=ports[0],
        https=ports[1],
        requests=requests,
        limit_s=SEQUENCE_LIMIT_S,
    )
    result: dict[str, Any] | None = None  # from JSON
    with _process(str(HERE / "worker.py"), json.dumps(asdict(job))) as (process, errors):
        assert process.stdout is not None
        stuck = threading.Event()

        def give_up() -> None:
            stuck.set()
            process.kill()

        alarm = threading.Timer(_STUCK_S, give_up)
        alarm.daemon = True
        alarm.start()
        try:
            for line in process.stdout:
                message = json.loads(line)
                if "done" in message:
                    progress(message["done"])
                result = message.get("result", result)
            code = process.wait()
        finally:
            alarm.cancel()
        if result is None or code != 0:
            ended = f"was stuck for {_STUCK_S:g} s" if stuck.is_set() else _ending(code)
            return Measured(way, failed=requests, error=f"{ended}: {_last_words(errors)}")
    return Measured(way, **result)
