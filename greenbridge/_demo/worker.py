"""Runs the client program in one way, inside an asyncio app with a heartbeat, and measures it.

    python worker.py '{"way": "green", ...}'          (the fields of Job)

A program of its own, so that each way starts from nothing: only the green one imports
greenbridge. Prints lines of JSON: {"done": 12} now and then, and {"result": {...}} last.
"""

from __future__ import annotations

import asyncio
import json
import runpy
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: Seconds between two beats of the heart; short against what a user would notice (a guess).
_BEAT_S: Final = 0.01
#: Seconds between two lines about progress.
_REPORT_S: Final = 0.05


@dataclass(frozen=True)
class Job:
    """What to do: the client program, how to run it, and what it asks for."""

    way: str  # "sequence", "threads" or "green"
    loop: str  # "uvloop" or "asyncio"
    client: str  # the client program's file
    certificate: str
    http: int  # ports
    https: int
    requests: int
    limit_s: float  # "sequence" starts no request later than this

    def url(self, number: int) -> str:
        """Every second request goes over TLS."""
        scheme, port = (("http", self.http), ("https", self.https))[number % 2]
        return f"{scheme}://127.0.0.1:{port}/{number}"


@dataclass
class Outcomes:
    """What became of the requests; filled from any thread."""

    errors: list[str] = field(default_factory=list)  # one entry for each request, "" if it is well
    _reported: float = 0.0

    def report(self) -> None:
        """Print how many requests have ended, unless that was just done."""
        now = time.monotonic()
        if now - self._reported >= _REPORT_S:
            self._reported = now
            print(json.dumps({"done": len(self.errors)}), flush=True)


class Heart:
    """A task that wants to run every few milliseconds: a gap is how long the loop stood still."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.largest_gap_s = 0.0
        self._last = time.perf_counter()
        self._outcomes = outcomes

    def beat(self) -> None:
        """Note the time since the beat before."""
        now = time.perf_counter()
        self.largest_gap_s = max(self.largest_gap_s, now - self._last)
        self._last = now

    async def beat_on(self) -> None:
        """Beat until cancelled."""
        self._last = time.perf_counter()
        while True:
            await asyncio.sleep(_BEAT_S)
            self.beat()
            self._outcomes.report()


async def measured(job: Job, outcomes: Outcomes, app: Callable[[], Awaitable[None]]) -> None:
    """Run *app* beside a heartbeat and print the result."""
    heart = Heart(outcomes)
    beating = asyncio.ensure_future(heart.beat_on())
    await asyncio.sleep(_BEAT_S * 2)
    heart.largest_gap_s = 0.0
    began = time.perf_counter()
    problem = ""
    try:
        await app()
    except (RuntimeError, OSError) as error:  # no more threads, or no more memory for them
        problem = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - began
    heart.beat()
    beating.cancel()
    memory, threads = _memory_and_threads()
    bad = [error for error in outcomes.errors if error]
    result = {
        "requests": len(outcomes.errors) - len(bad),
        "failed": len(bad),
        "error": problem or (bad[0] if bad else ""),
        "seconds": seconds,
        "peak_memory_bytes": memory,
        "os_threads": threads,
        "largest_gap_s": heart.largest_gap_s,
    }
    print(json.dumps({"result": result}), flush=True)


def _memory_and_threads() -> tuple[int | None, int]:
    """Peak memory of this process in bytes, if the system tells it, and its threads now.

    Not getrusage() on Linux: its ru_maxrss starts from what the parent process had.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["VmHWM"].split()[0]) * 1024, int(lines["Threads"])
    except (OSError, KeyError):
        pass
    if sys.platform == "win32":
        return None, threading.active_count()
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, threading.active_count()


def visitor(job: Job, outcomes: Outcomes) -> Callable[[int], None]:
    """Load the client program and return what asks it for one page and checks the text."""
    program: dict[str, Any] = runpy.run_path(job.client)  # names of a program: any kind of object
    fetch, opener = program["fetch"], program["make_opener"](job.certificate)

    def visit(number: int) -> None:
        url = job.url(number)
        try:
            text = fetch(opener, url)
            error = "" if text == f"/{number}\n" else f"{url} answered {text!r}"
        except Exception as failure:  # whatever a client program may raise is a failed request
            error = f"{url}: {type(failure).__name__}: {failure}"
        outcomes.errors.append(error)

    return visit


def in_sequence(job: Job) -> None:
    """One after another, as the program was written: the app around it stands still."""
    outcomes = Outcomes()
    visit = visitor(job, outcomes)

    async def app() -> None:
        end = time.monotonic() + job.limit_s
        for number in range(job.requests):
            if time.monotonic() > end:
                break
            visit(number)
            outcomes.report()

    _loop_factory(job.loop)().run_until_complete(measured(job, outcomes, app))


def in_threads(job: Job) -> None:
    """Each request in an OS thread of its own."""
    outcomes = Outcomes()
    visit = visitor(job, outcomes)
    loop = _loop_factory(job.loop)()
    pool = ThreadPoolExecutor(job.requests)

    async def app() -> None:
        calls = [loop.run_in_executor(pool, visit, number) for number in range(job.requests)]
        await asyncio.gather(*calls)

    loop.run_until_complete(measured(job, outcomes, app))
    pool.shutdown()


def in_green_threads(job: Job) -> None:
    """Each request in a green thread: the way to run such a program with greenbridge."""
    import greenbridge.auto  # first of all: it patches the standard library

    outcomes = Outcomes()
    visit = visitor(job, outcomes)

    async def app() -> None:
        for running in [greenbridge.spawn(visit, number) for number in range(job.requests)]:
            await running

    greenbridge.run(measured, job, outcomes, app, loop_factory=_loop_factory(job.loop))


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name == "asyncio":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


WAYS: Final = {"sequence": in_sequence, "threads": in_threads, "green": in_green_threads}


def main() -> None:
    """Do the job in the first argument."""
    job = Job(**json.loads(sys.argv[1]))
    WAYS[job.way](job)


if __name__ == "__main__":
    main()
