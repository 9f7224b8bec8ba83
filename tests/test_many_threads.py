"""Thousands of green threads at once: nothing adds up from one to the next."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import greenbridge
from greenbridge._fds import Fd
from greenbridge.green import socket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    import pytest

#: More than Python's recursion limit, and more than its C stack has room for frames of.
MANY = 5 * sys.getrecursionlimit()
#: More work in one round than a round has time for (4 ms).
CONNECTIONS, MESSAGES, COMPUTING_S = 40, 10, 0.0005


def test_threads_that_begin_in_one_round_do_not_nest(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    # Each parks in its first breath; the next must not begin on top of its stack.
    ended = 0

    def body() -> None:
        nonlocal ended
        greenbridge.sleep(0)
        ended += 1

    def main() -> None:
        greenbridge.joinall([greenbridge.spawn(body) for _ in range(MANY)], raise_error=True)

    greenbridge.run(main, loop_factory=loop_factory)
    assert ended == MANY


def test_thousands_of_parked_threads_are_unwound_at_the_end(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    unwound = 0

    def body() -> None:
        nonlocal unwound
        try:
            greenbridge.sleep(3600)
        finally:
            unwound += 1

    def main() -> None:
        for _ in range(MANY):
            greenbridge.spawn(body)
        greenbridge.sleep(0)

    greenbridge.run(main, loop_factory=loop_factory)
    assert unwound == MANY


def test_descriptors_stay_armed_while_those_they_woke_stand_in_the_queue(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every thread computes for so long that a round ends before all have had their turn. The
    # descriptors of the rest are reported again, and must not be taken out of the loop for that.
    armed = 0
    arm_read = Fd.arm_read

    def counted(self: Fd) -> bool:
        nonlocal armed
        armed += 1
        return arm_read(self)

    def echo(sock: socket.socket) -> None:
        while data := sock.recv(10):
            until = time.perf_counter() + COMPUTING_S
            while time.perf_counter() < until:
                pass
            sock.sendall(data)
        sock.close()

    def main() -> None:
        pairs = [socket.socketpair() for _ in range(CONNECTIONS)]
        servers = [greenbridge.spawn(echo, theirs) for _, theirs in pairs]
        for _ in range(MESSAGES):
            for mine, _ in pairs:
                mine.sendall(b"x")
            for mine, _ in pairs:
                assert mine.recv(10) == b"x"
        for mine, _ in pairs:
            mine.close()
        greenbridge.joinall(servers)

    monkeypatch.setattr(Fd, "arm_read", counted)
    greenbridge.run(main, loop_factory=loop_factory)
    # Each descriptor once, and again for a few that were read late.
    assert armed < 2 * CONNECTIONS + MESSAGES * CONNECTIONS / 2
