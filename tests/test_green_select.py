"""``select``: the same answers as the stdlib's, in every world."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import select as stdlib
import socket as stdlib_socket
import sys
import tempfile
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import select as green
from greenbridge.green.socket import socketpair
from greenbridge.testing import assert_switches, heartbeat, statistics

from .green import others_run
from .select_worlds import LONG, SHORT, File, implementation, outcome
from .select_worlds import pipe as pipe  # a fixture
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from .worlds import World


def test_select_waits_until_something_is_ready(world: World, pipe: tuple[int, int]) -> None:
    r, w = pipe
    file = File(r)

    def body() -> None:
        waiting = world.start(implementation(world).select, [file, r], [], [], LONG)
        world.pause()
        os.write(w, b"x")
        ready = waiting.result()
        assert ready == ([file, r], [], [])
        assert ready[0][0] is file

    world.run(body)


def test_select_waits_for_green_sockets(world: World) -> None:
    pair = stdlib_socket.socketpair if world.original else socketpair

    def body() -> None:
        a, b = pair()
        with a, b:
            a.setblocking(False)
            select = implementation(world).select
            while select([], [a], [], 0)[1]:
                a.send(bytes(65536))
            assert select([a], [a], [], SHORT) == ([], [], [])
            reading = world.start(select, [a], [a], [a], LONG)
            world.pause()
            b.send(b"x")
            assert reading.result() == ([a], [], [])
            a.recv(1)
            writing = world.start(select, [a], [a], [], LONG)
            world.pause()
            b.settimeout(LONG)
            while select([a], [a], [], 0) == ([], [], []):
                b.recv(65536)
            assert writing.result() == ([], [a], [])

    world.run(body)


def test_select_sees_urgent_data(world: World) -> None:
    def body() -> None:
        with stdlib_socket.create_server(("127.0.0.1", 0)) as server:
            a = stdlib_socket.create_connection(server.getsockname())
            b = server.accept()[0]
        with a, b:
            waiting = world.start(implementation(world).select, [], [], [a], LONG)
            world.pause()
            b.send(b"!", stdlib_socket.MSG_OOB)
            assert waiting.result() == ([], [], [a])

    world.run(body)


def test_select_times_out(world: World, pipe: tuple[int, int]) -> None:
    r, _ = pipe

    def body() -> None:
        select = implementation(world).select
        for files in ([r], []):
            began = time.monotonic()
            assert select(files, [], [], SHORT) == ([], [], [])
            assert SHORT <= time.monotonic() - began < 5
        assert select([r], [], [], 0) == ([], [], [])
        assert select([], [], [], 0) == ([], [], [])

    world.run(body)


def test_select_finds_regular_files_ready_at_once(world: World) -> None:
    def body() -> None:
        with tempfile.TemporaryFile() as file:
            assert implementation(world).select([file], [file], []) == ([file], [file], [])
            assert implementation(world).select([file], [], [file], LONG) == ([file], [], [])

    world.run(body)


def test_select_takes_any_iterable_once(world: World, pipe: tuple[int, int]) -> None:
    r, w = pipe

    def body() -> None:
        waiting = world.start(
            implementation(world).select, iter([r]), iter(()), {r: None}.keys(), LONG
        )
        world.pause()
        os.write(w, b"x")
        assert waiting.result() == ([r], [], [])

    world.run(body)


ARGUMENTS: list[tuple[Any, ...]] = [
    (), ([],), ([], [], [], None, 1),
    ([], [], [], -1), ([], [], [], -1e-9), ([], [], [], float("nan")), ([], [], [], float("inf")),
    ([], [], [], 1e300), ([], [], [], 2**63), ([], [], [], 10**400), ([], [], [], "1"),
    ([], [], [], Fraction(0)), ([], [], [], True), ([], [], [], 0j),
    (1, [], [], SHORT), ([], None, [], SHORT), ([], [], ["1"], SHORT), ([-1], [], [], SHORT),
    ([File(-1)], [], [], SHORT), ([File("1")], [], [], SHORT), ([10**6], [], [], SHORT),
    ([2**70], [], [], SHORT), ([object()], [], [], SHORT), ([1023], [], [], SHORT),
]  # fmt: skip


@pytest.mark.parametrize(
    "args", ARGUMENTS, ids=lambda a: re.sub(" at 0x[0-9a-f]+", "", repr(a))[:40]
)
def test_select_refuses_what_the_original_refuses(args: tuple[Any, ...], world: World) -> None:
    got = world.run(lambda: outcome(implementation(world).select, *args))
    expected = outcome(stdlib.select, *args)
    if expected[0] == "TypeError" and "expected" in expected[1]:
        assert got[0] == "TypeError"  # the number of arguments, in a function's own words
    else:
        assert got == expected


def test_a_hang_up_that_nobody_asked_for_does_not_spin(pipe: tuple[int, int]) -> None:
    """The reading end of a pipe is never writable; epoll reports its hang-up all the same."""
    r, w = pipe
    os.close(w)

    def body() -> int:
        before = statistics()["switches"]
        assert green.select([], [r], [], 0.1) == ([], [], [])
        return statistics()["switches"] - before

    assert greenbridge.run(body) < 10


def test_many_files_at_once(world: World) -> None:
    def body() -> None:
        pipes = [os.pipe() for _ in range(100)]
        try:
            readers = [r for r, _ in pipes]
            waiting = world.start(implementation(world).select, readers, [], [], LONG)
            world.pause()
            os.write(pipes[57][1], b"x")
            assert waiting.result() == ([pipes[57][0]], [], [])
        finally:
            for fd in (fd for pair in pipes for fd in pair):
                os.close(fd)

    world.run(body)


def test_others_run_while_one_waits(loop_factory: Any, pipe: tuple[int, int]) -> None:
    r, _ = pipe

    def body() -> None:
        poller = green.poll()
        poller.register(r, stdlib.POLLIN)
        with heartbeat() as beat, green.epoll() as epoll, assert_switches(3):
            epoll.register(r, stdlib.EPOLLIN)
            waits: tuple[Callable[[], Any], ...] = (
                lambda: green.select([r], [], [], 0.1),
                lambda: poller.poll(100),
                lambda: epoll.poll(0.1),
            )
            for wait in waits:
                with others_run(beat):
                    wait()

    greenbridge.run(body, loop_factory=loop_factory)


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_closing_what_is_waited_for_is_ebadf(loop_factory: Any, many: bool) -> None:
    def body() -> None:
        a, b = socketpair()
        pairs = [socketpair() for _ in range(30 if many else 0)]
        waiting = greenbridge.spawn(green.select, [a, *(p[0] for p in pairs)], [], [], LONG)
        greenbridge.sleep(0.01)
        a.close()
        with pytest.raises(OSError) as caught:
            waiting.get(timeout=LONG)
        assert caught.value.errno == errno.EBADF
        for sock in (b, *(sock for pair in pairs for sock in pair)):
            sock.close()

    greenbridge.run(body, loop_factory=loop_factory)


def test_a_cancelled_wait_leaves_nothing_behind(loop_factory: Any, pipe: tuple[int, int]) -> None:
    r, w = pipe

    def body() -> None:
        poller = green.poll()
        poller.register(r)
        greenbridge.sleep(0.01)  # the loop has opened what it needs
        open_before = os.listdir("/proc/self/fd") if sys.platform == "linux" else []
        fds_before = statistics()["fds"]
        waits: list[Any] = [lambda: green.select([r], [], []), poller.poll]
        for wait in waits:
            waiting = greenbridge.spawn(wait)
            greenbridge.sleep(0.01)
            waiting.kill()
        if sys.platform == "linux":
            assert os.listdir("/proc/self/fd") == open_before
        assert statistics()["fds"] == fds_before
        os.write(w, b"x")
        assert poller.poll() == [(r, stdlib.POLLIN)]

    greenbridge.run(body, loop_factory=loop_factory)


def test_in_a_callback_of_the_loop_the_original_waits_and_is_counted(
    loop_factory: Any, pipe: tuple[int, int]
) -> None:
    r, _ = pipe

    def body() -> None:
        async def call() -> Any:
            done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(
                lambda: done.set_result(green.select([r], [], [], SHORT))
            )
            return await done

        before = statistics()["stalls"]
        assert greenbridge.await_(call()) == ([], [], [])
        assert statistics()["stalls"] == before + 1

    greenbridge.run(body, loop_factory=loop_factory)
