"""Runs one cell in this process, and prints what was seen as the last line, in JSON.

    python -m compat_matrix.worker '{"scenario": "pymysql", "mode": "patched", ...}'

The scenario's calls are made one after another, then many at once beside a heartbeat. An error
is part of the result: the exit code is 0 if the cell could be measured at all.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import platform
import sys
import time
import traceback
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

import greenbridge
from greenbridge import testing

if TYPE_CHECKING:
    from collections.abc import Callable

#: Calls one after another that are timed; the time of more is worked out from them.
SEQUENTIAL: Final = 8
#: Threads that run at once before anything is timed, so that pools and imports are warm.
WARM: Final = 3
#: Seconds that all calls of a cell may take.
LIMIT: Final = 60.0


def _call(module: Any, client: Any, number: int) -> None:
    answer = module.call(client, number)
    if answer != number:
        raise AssertionError(f"call {number} was answered with {answer!r}")


def _all_at_once(call: Callable[[int], None], at_once: int) -> None:
    threads = [greenbridge.spawn(call, number) for number in range(1, at_once + 1)]
    greenbridge.joinall(threads, raise_error=True)


def _measure(module: Any, client: Any, at_once: int, seen: dict[str, Any]) -> None:
    def call(number: int) -> None:
        _call(module, client, number)

    greenbridge.joinall([greenbridge.spawn(call, 900 + n) for n in range(WARM)], raise_error=True)
    before = testing.statistics()["switches"]
    began = time.perf_counter()
    for number in range(SEQUENTIAL):
        call(number)
    seen["sequential_s"] = round((time.perf_counter() - began) / SEQUENTIAL * at_once, 4)
    # A task of the loop's: a green one would wait for its turn among them.
    with greenbridge.entered(testing.aheartbeat()) as beat:
        began = time.perf_counter()
        _all_at_once(call, at_once)
        seen["concurrent_s"] = round(time.perf_counter() - began, 4)
    seen["heartbeat_gap_ms"] = round(beat.largest_gap * 1000, 1)
    seen["switches"] = testing.statistics()["switches"] - before


def _run(job: dict[str, Any], seen: dict[str, Any]) -> None:
    # In a green thread: the main program may be the one that a library treats in its own way.
    def body() -> None:
        module: Any = importlib.import_module(f"compat_matrix.scenarios.{job['scenario']}")
        opened = getattr(module, "opened", nullcontext)
        server = Server(**job["server"]) if job["server"] else None
        beside = {name: Server(**where) for name, where in job["beside"].items()}
        if server is not None:
            server.beside = beside
        with opened(server) as client:
            _call(module, client, 0)
            _measure(module, client, job["at_once"], seen)

    thread = greenbridge.spawn(body)
    try:
        thread.get(timeout=LIMIT)
    except TimeoutError as error:
        if thread.ready():
            raise
        # Thrown into it where it waits, so that the traceback shows where.
        thread.kill(TimeoutError(f"the cell took longer than {LIMIT:.0f} s"), timeout=5.0)
        raise thread.exception or error from None


class Server:
    """Where the scenario's server is; what it has beyond an address stands in ``extra``."""

    def __init__(self, host: str, port: int, latency: float, extra: dict[str, Any]) -> None:
        self.host = host
        self.port = port
        #: Seconds that each call has to wait at the server.
        self.latency = latency
        self.extra = extra
        #: The further services of the row, by name.
        self.beside: dict[str, Server] = {}


def main() -> None:
    """Run the cell that the first argument describes."""
    job = json.loads(sys.argv[1])
    seen: dict[str, Any] = {"python": platform.python_version(), "versions": {}}
    if job["mode"] != "await":
        greenbridge.patch_all()
    try:
        from greenbridge._loops import factory_named

        greenbridge.run(_run, job, seen, loop_factory=factory_named(job["loop"]))
        seen["answer"] = True
    except BaseException as error:  # whatever it is, it is what was seen
        seen["answer"] = False
        seen["error"] = "".join(traceback.format_exception_only(type(error), error)).strip()[:500]
        traceback.print_exc()
    for name in job["distributions"]:
        try:
            seen["versions"][name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            seen["versions"][name] = "not installed"
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
