"""Connect and close, with cancels at random, for as long as you like; then look for leaks.

    python -m tests.soak --seconds 60 [--seed 1] [--loop asyncio]
    python -m tests.soak --cycles 20000

Each cycle connects a socket to a listener, exchanges a few bytes and closes both ends;
about half of them are cut somewhere by a kill, a Timeout, a cancelled Task, or by closing
the socket under the one that waits. Afterwards nothing may be left: no registration, no
descriptor, no green thread, no timer of note. Exit code 1 and the leak if something is.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import random
import socket
import sys
import time
from dataclasses import dataclass, field

from greenbridge import GreenThread, Timeout, await_, joinall, run, sleep, spawn
from greenbridge._waiting import closing_fd, wait_readable, wait_writable
from greenbridge.testing import assert_no_leaks, statistics

from .conftest import LOOPS

#: Cycles under way at once.
WIDTH = 20
#: Seconds after which a wait that should have ended is a bug.
STUCK = 30.0


def close(sock: socket.socket) -> None:
    if sock.fileno() >= 0:
        closing_fd(sock.fileno())
        sock.close()


def recv(sock: socket.socket) -> bytes:
    while True:
        try:
            return sock.recv(64)
        except BlockingIOError:
            wait_readable(sock.fileno(), STUCK)


@dataclass
class Soak:
    """What one run does and counts."""

    random: random.Random
    done: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    def pause(self) -> None:
        sleep(self.random.choice((0, 0, 0, 0.0001, 0.001)))

    def serve(self, connection: socket.socket) -> None:
        try:
            while data := recv(connection):
                connection.send(data)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ECONNRESET, errno.EPIPE):
                raise
        finally:
            close(connection)

    def listen(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                wait_readable(listener.fileno())
                continue
            connection.setblocking(False)
            spawn(self.serve, connection)

    def cycle(self, address: tuple[str, int], opened: list[socket.socket]) -> None:
        sock = socket.socket()
        opened.append(sock)
        try:
            sock.setblocking(False)
            if sock.connect_ex(address) == errno.EINPROGRESS:
                wait_writable(sock.fileno(), STUCK)
            for _ in range(self.random.randrange(3)):
                sock.send(b"x")
                if recv(sock) != b"x":
                    raise AssertionError("the echo is wrong")
                self.pause()
            recv(sock) if self.random.random() < 0.2 else None  # waits until it is cut
        finally:
            close(sock)

    def with_timeout(self, address: tuple[str, int], opened: list[socket.socket]) -> None:
        with Timeout(self.random.random() * 0.005, False):
            self.cycle(address, opened)

    def with_task(self, address: tuple[str, int], opened: list[socket.socket]) -> None:
        await_(asyncio.sleep(0))
        self.cycle(address, opened)

    def one(self, address: tuple[str, int]) -> None:
        """One cycle in a thread of its own, which may be cut."""
        opened: list[socket.socket] = []
        how = self.random.choice((self.cycle, self.with_timeout, self.with_task))
        thread: GreenThread = spawn(how, address, opened)
        self.pause()
        cut = self.random.choice(("kill", "close", "leave", "leave"))
        thread.join(0.02 if cut == "leave" else self.random.random() * 0.002)
        if thread.ready():
            cut = "ended"
        elif cut == "close" and opened:
            close(opened[0])
        else:
            thread.kill(block=False)
        thread.join(STUCK)
        if not thread.ready():
            raise AssertionError(f"{thread!r} does not end after {cut}")
        error = thread.exception
        if error is not None and not (isinstance(error, OSError) and error.errno == errno.EBADF):
            raise error
        self.count(cut)

    def main(self, cycles: int | None, seconds: float) -> None:
        """At most *cycles* cycles, for at most *seconds*; None: no limit."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        listener.setblocking(False)
        address = listener.getsockname()
        server = spawn(self.listen, listener)
        end = time.monotonic() + seconds
        left = cycles

        def worker() -> None:
            nonlocal left
            while time.monotonic() < end and left != 0:
                left = None if left is None else left - 1
                self.one(address)

        workers = [spawn(worker) for _ in range(WIDTH)]
        joinall(workers, raise_error=True)
        server.kill()
        close(listener)
        while statistics()["threads"]:  # the server's ends of the last connections
            sleep(0.001)

    def check(self, cycles: int | None, seconds: float) -> None:
        """Run, and raise AssertionError if something is left."""
        with assert_no_leaks():
            self.main(cycles, seconds)
        left = statistics()
        assert not left["fds"], f"descriptors are still watched: {left}"
        assert left["timers"] < 10 * WIDTH, f"timers pile up: {left}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=None, help="at most; default 10")
    parser.add_argument("--cycles", type=int, default=None, help="at most; default no limit")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--loop", choices=sorted(LOOPS), default=next(iter(LOOPS)))
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    seconds: float | None = options.seconds
    if seconds is None:
        seconds = 10.0 if options.cycles is None else float("inf")
    soak = Soak(random.Random(seed))
    began = time.monotonic()
    try:
        run(soak.check, options.cycles, seconds, loop_factory=LOOPS[options.loop])
    except AssertionError as error:
        sys.stderr.write(f"seed {seed}: {error}\n")
        return 1
    total = sum(soak.done.values())
    sys.stdout.write(
        f"seed {seed}: {total} cycles in {time.monotonic() - began:.1f} s on {options.loop}, "
        f"{soak.done}; nothing is left\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
