"""gunicorn with our worker and clients that behave badly, for as long as you like.

    python -m tests.web_reliability --seconds 300 [--seed 1]

First one worker meets, all at once, clients that are honest, slow, half closed, too large, gone
in the middle of an answer, and at least 1,000 that break off an upload; afterwards it must have
the descriptors and green threads that it had before, and not much more memory. Then workers are
ended under load: by SIGTERM, where every request must be answered, by SIGKILL, where no answer
may be a wrong one, and at last all of gunicorn, which must finish what it has begun.
Exit code 1 and what went wrong if something did.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .gunicorn_server import LONG, Gunicorn, eventually
from .web_clients import BAD, Clients, honest, patient

if TYPE_CHECKING:
    from collections.abc import Callable

#: Uploads that are broken off, at least.
ABORTED: Final = 1_000
#: MB that the worker may have grown by: what an allocator keeps (a guess). A leak of 1 kB a
#: request is 100 MB after the 100,000 requests of five minutes.
GROWN_MB: Final = 8.0
#: Clients at once while workers are ended.
CLIENTS: Final = 8
#: Seconds between two ends of workers.
APART: Final = 1.0
#: Options of gunicorn: connections that idle are closed soon, so that what is left is a leak.
OPTIONS: Final = ("--keep-alive", "2", "--worker-connections", "500", "--log-level", "info")


@dataclass(frozen=True)
class Figures:
    """What a worker has; it counts itself, after a garbage collection."""

    pid: int
    fds: int
    green: int
    mb: float


def figures(server: Gunicorn) -> Figures:
    return Figures(**json.loads(server.get("/figures", Connection="close")))


def settled(server: Gunicorn, before: Figures | None) -> Figures:
    """The figures when the connections of the load have gone, or when that takes too long."""
    deadline = time.monotonic() + LONG
    while True:
        now = figures(server)
        # One connection and one green thread are those of the question itself.
        least = (before.fds, before.green) if before else (now.fds, 1)
        if (now.fds <= least[0] and now.green <= least[1]) or time.monotonic() > deadline:
            return now
        time.sleep(0.1)


def under_load(clients: Clients, kinds: list[Callable[[Clients], None]], body: Any) -> None:
    """Run *body* while each of *kinds* is done again and again by a thread of its own."""
    threads = [threading.Thread(target=clients.keep_on, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        body()
    finally:
        clients.stopped.set()
        for thread in threads:
            thread.join()
    clients.check()


def check_leaks(seconds: float, seed: int) -> str:
    """Bad clients leave nothing; the figures, in words."""
    kinds = [*[honest] * 4, *BAD]

    def load(seconds: float, aborted: int) -> Clients:
        clients = Clients(server, random.Random(seed))

        def wait() -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end or clients.done["aborts_upload"] < aborted:
                clients.check()
                time.sleep(0.1)

        under_load(clients, kinds, wait)
        return clients

    with Gunicorn("-w", "1", *OPTIONS) as server:
        load(max(5.0, seconds / 10), ABORTED // 10)
        before = settled(server, None)
        clients = load(seconds, ABORTED)
        after = settled(server, before)
        assert after.pid == before.pid, f"the worker has died:\n{server.log}"
        assert "Traceback" not in server.log, server.log
    assert after.fds <= before.fds, f"descriptors are left: {before.fds}, then {after.fds}"
    assert after.green <= before.green, f"green threads: {before.green}, then {after.green}"
    grown = after.mb - before.mb
    assert grown < GROWN_MB, f"{grown:.1f} MB more: {before}, then {after}"
    return (
        f"{clients}; descriptors {before.fds}, then {after.fds}; green threads {before.green}, "
        f"then {after.green}; memory {before.mb:.1f} MB, then {after.mb:.1f} MB"
    )


def check_ends(seconds: float, seed: int, number: signal.Signals) -> str:
    """Workers are ended under load by *number*; what became of the requests, in words."""
    chance = random.Random(seed)
    ended = 0
    with Gunicorn("-w", "2", *OPTIONS) as server:
        clients = Clients(server, chance)

        def end_workers() -> None:
            nonlocal ended
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(APART)
                pids = eventually(lambda: len(server.workers) >= 2 and server.workers)
                os.kill(chance.choice(pids), number)
                ended += 1

        under_load(clients, [patient] * CLIENTS, end_workers)
        assert figures(server).pid in server.workers
    assert ended, "no worker was ended"
    if number is signal.SIGTERM:
        assert not clients.unanswered, f"{number.name}: not answered: {clients.unanswered}"
    # Whoever dies at once takes with it what it was doing: one request of each client.
    assert len(clients.unanswered) <= ended * CLIENTS, clients.unanswered
    return f"{ended} workers ended by {number.name}: {clients}"


def check_stop() -> str:
    """A graceful stop of gunicorn finishes what is under way; how much that was, in words."""
    answers: list[bytes] = []
    with Gunicorn("-w", "2", *OPTIONS) as server:
        threads = [
            threading.Thread(target=lambda: answers.append(server.get("/doze?s=1.5")))
            for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        eventually(lambda: server.log.count("dozing") >= len(threads))
        code = server.stop()
        for thread in threads:
            thread.join()
        assert code == 0, server.log
    assert answers == [b"slept"] * len(threads), f"{len(answers)} of {len(threads)} were answered"
    return f"graceful stop: {len(answers)} requests that were under way were answered"


def main(argv: list[str] | None = None) -> int:
    """The program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.web_reliability", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of bad clients; default 30")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args(argv)
    seed: int = random.randrange(2**32) if options.seed is None else options.seed
    ends = min(60.0, max(5.0, options.seconds / 5))
    checks: tuple[Callable[[], str], ...] = (
        lambda: check_leaks(options.seconds, seed),
        lambda: check_ends(ends, seed, signal.SIGTERM),
        lambda: check_ends(ends, seed, signal.SIGKILL),
        check_stop,
    )
    for check in checks:
        try:
            sys.stdout.write(f"{check()}\n")
        except AssertionError as error:
            sys.stderr.write(f"seed {seed}: {error}\n")
            return 1
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
