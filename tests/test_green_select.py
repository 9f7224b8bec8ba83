"""``select``, ``poll`` and ``epoll``: the same answers as the stdlib's, in every world."""

from __future__ import annotations

import asyncio
import errno
import os
import select as stdlib
import socket as stdlib_socket
import sys
import tempfile
import threading
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import select as green
from greenbridge.green.socket import socketpair
from greenbridge.testing import assert_switches, heartbeat, statistics

from .fresh import in_fresh_python
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .worlds import World

SHORT = 0.03  # seconds
LONG = 20.0


def implementation(world: World) -> Any:
    return stdlib if world.original else green


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            pass


def outcome(call: Any, *args: Any) -> tuple[str, str]:
    try:
        return "returned", repr(call(*args))
    except Exception as error:
        return type(error).__name__, str(error)


class File:
    def __init__(self, fd: Any) -> None:
        self.fd = fd

    def fileno(self) -> Any:
        return self.fd


# -- select ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("args", ARGUMENTS, ids=lambda a: repr(a).replace(" at 0x", "")[:40])
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
            green.select([r], [], [], 0.1)
            poller.poll(100)
            epoll.poll(0.1)
        assert beat.beats >= 10
        beat.check(0.1)

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


# -- poll --------------------------------------------------------------------------------------


def test_poll_waits_until_something_is_ready(world: World, pipe: tuple[int, int]) -> None:
    r, w = pipe

    def body() -> None:
        for mask in (stdlib.POLLIN, stdlib.POLLIN | stdlib.POLLPRI):
            poller = implementation(world).poll()
            poller.register(File(r), mask)
            assert poller.poll(SHORT * 1000) == []
            for timeout in (
                None,
                -1,
                2**31 - 1,
                *((2**31,) if sys.version_info >= (3, 15) else ()),
            ):
                waiting = world.start(poller.poll, timeout)
                world.pause()
                os.write(w, b"x")
                assert waiting.result() == [(r, stdlib.POLLIN)]
                os.read(r, 1)

    world.run(body)


def test_poll_reports_a_hang_up_without_being_asked(world: World, pipe: tuple[int, int]) -> None:
    r, w = pipe

    def body() -> None:
        poller = implementation(world).poll()
        poller.register(r, 0)
        waiting = world.start(poller.poll, -1)
        world.pause()
        os.close(w)
        assert waiting.result() == [(r, stdlib.POLLHUP)]

    world.run(body)


def test_poll_registrations(world: World, pipe: tuple[int, int]) -> None:
    w = pipe[1]

    def body() -> None:
        poller = implementation(world).poll()
        with pytest.raises(OSError) as caught:
            poller.modify(w, stdlib.POLLIN)
        assert caught.value.errno == errno.ENOENT
        poller.register(w)
        assert poller.poll(LONG) == [(w, stdlib.POLLOUT)]
        poller.modify(w, stdlib.POLLIN)
        assert poller.poll(SHORT * 1000) == []
        poller.register(w, stdlib.POLLOUT)
        assert poller.poll(LONG) == [(w, stdlib.POLLOUT)]
        poller.unregister(w)
        with pytest.raises(KeyError):
            poller.unregister(w)
        assert poller.poll(1) == []

    world.run(body)


def test_poll_says_that_a_descriptor_is_closed(world: World) -> None:
    def body() -> None:
        r, w = os.pipe()
        os.close(w)
        os.close(r)
        poller = implementation(world).poll()
        poller.register(r, stdlib.POLLIN)
        assert poller.poll() == [(r, stdlib.POLLNVAL)]

    world.run(body)


def test_closing_a_socket_ends_a_green_poll(loop_factory: Any) -> None:
    def body() -> None:
        a, b = socketpair()
        poller = green.poll()
        poller.register(a, stdlib.POLLIN)
        fd = a.fileno()
        waiting = greenbridge.spawn(poller.poll)
        greenbridge.sleep(0.01)
        a.close()
        assert waiting.get(timeout=LONG) == [(fd, stdlib.POLLNVAL)]
        b.close()

    greenbridge.run(body, loop_factory=loop_factory)


#: Since 3.15 poll() uses ppoll(2), which waits as long as select().
TOO_LONG = [2**31, -(2**31) - 1, 1e10] if sys.version_info < (3, 15) else [2**63, -(2**63), 1e20]


@pytest.mark.parametrize(
    "timeout",
    ["1", 0j, float("nan"), float("inf"), *TOO_LONG, 10**400, Fraction(1), 1.2, 0],
    ids=repr,
)
def test_poll_refuses_what_the_original_refuses(timeout: Any, world: World) -> None:
    got = world.run(lambda: outcome(implementation(world).poll().poll, timeout))
    assert got == outcome(stdlib.poll().poll, timeout)


@pytest.mark.parametrize(
    "args", [(), ("1",), (-1,), (File(-1),), (File("x"),), (0, -1), (0, 2**16), (0, "1"), (2**70,)]
)
def test_poll_register_refuses_what_the_original_refuses(args: tuple[Any, ...]) -> None:
    got = outcome(green.poll().register, *args)
    expected = outcome(stdlib.poll().register, *args)
    assert got[0] == expected[0]
    if args:
        assert got == expected


def test_two_cannot_wait_with_one_poll_object(world: World, pipe: tuple[int, int]) -> None:
    r, w = pipe

    def body() -> None:
        poller = implementation(world).poll()
        poller.register(r, stdlib.POLLIN)
        waiting = world.start(poller.poll)
        world.pause()
        with pytest.raises(RuntimeError, match="concurrent poll"):
            poller.poll(0)
        os.write(w, b"x")
        waiting.result()
        assert poller.poll(0) == [(r, stdlib.POLLIN)]

    world.run(body)


def test_poll_objects_are_made_by_poll_only() -> None:
    with pytest.raises(TypeError, match=r"cannot create '.*' instances"):
        type(green.poll())()


# -- epoll -------------------------------------------------------------------------------------


def test_epoll_waits_until_there_is_an_event(world: World, pipe: tuple[int, int]) -> None:
    r, w = pipe

    def body() -> None:
        with implementation(world).epoll() as epoll:
            epoll.register(r, stdlib.EPOLLIN)
            assert epoll.poll(SHORT) == []
            waiting = world.start(epoll.poll)
            world.pause()
            os.write(w, b"x")
            assert waiting.result() == [(r, stdlib.EPOLLIN)]
            epoll.modify(r, stdlib.EPOLLIN | stdlib.EPOLLONESHOT)
            assert epoll.poll(LONG, 1) == [(r, stdlib.EPOLLIN)]
            assert epoll.poll(0) == []
            epoll.unregister(r)
            with pytest.raises(FileNotFoundError):
                epoll.unregister(r)
        assert epoll.closed

    world.run(body)


def test_epoll_edges_are_given_once(world: World, pipe: tuple[int, int]) -> None:
    r, w = pipe

    def body() -> None:
        epoll = implementation(world).epoll(8, 0)
        epoll.register(r, stdlib.EPOLLIN | stdlib.EPOLLET)
        waiting = world.start(epoll.poll, LONG)
        world.pause()
        os.write(w, b"x")
        assert waiting.result() == [(r, stdlib.EPOLLIN)]
        assert epoll.poll(SHORT) == []
        os.write(w, b"y")
        assert epoll.poll(LONG) == [(r, stdlib.EPOLLIN)]
        epoll.close()
        epoll.close()
        for call in (epoll.fileno, epoll.poll, lambda: epoll.register(r), epoll.__enter__):
            with pytest.raises(ValueError, match="closed epoll object"):
                call()

    world.run(body)


@pytest.mark.parametrize(
    "args", [("1",), (0, 0), (0, -2), (1e10,), (float("nan"),), (1, 0), (Fraction(1),), (0, "1")]
)
def test_epoll_refuses_what_the_original_refuses(args: tuple[Any, ...], world: World) -> None:
    def body() -> tuple[str, str]:
        with implementation(world).epoll() as epoll:
            return outcome(epoll.poll, *args)

    with stdlib.epoll() as epoll:
        assert world.run(body) == outcome(epoll.poll, *args)


def test_epoll_from_a_descriptor_and_its_type(pipe: tuple[int, int]) -> None:
    original = stdlib.epoll()
    same = green.epoll.fromfd(os.dup(original.fileno()))
    assert isinstance(same, green.epoll)
    assert isinstance(original, green.epoll)
    assert issubclass(type(original), green.epoll)
    assert not isinstance(1, green.epoll)
    same.register(pipe[1], stdlib.EPOLLOUT)
    assert outcome(green.epoll, -2) == outcome(stdlib.epoll, -2)
    assert outcome(green.epoll, 1, 1) == outcome(stdlib.epoll, 1, 1)
    assert original.poll(0) == same.poll() == [(pipe[1], stdlib.EPOLLOUT)]
    same.close()
    original.close()


def test_epoll_closed_or_dropped_while_watched(loop_factory: Any, pipe: tuple[int, int]) -> None:
    r, _ = pipe

    def body() -> None:
        epoll = green.epoll()
        epoll.register(r, stdlib.EPOLLIN)
        waiting = greenbridge.spawn(epoll.poll)
        greenbridge.sleep(0.01)
        epoll.close()
        with pytest.raises(OSError) as caught:
            waiting.get(timeout=LONG)
        assert caught.value.errno == errno.EBADF
        before = statistics()["fds"]
        epoll = green.epoll()
        assert epoll.poll(0.01) == []
        del epoll  # uvloop would abort the process at the next event
        assert statistics()["fds"] == before
        fds = [os.pipe() for _ in range(3)]
        greenbridge.sleep(0.01)
        for fd in (fd for pair in fds for fd in pair):
            os.close(fd)

    greenbridge.run(body, loop_factory=loop_factory)


# -- patched -----------------------------------------------------------------------------------


@in_fresh_python
def test_patched_select_keeps_everything_and_takes_older_objects() -> None:
    import select

    older = select.epoll()
    with greenbridge.patch_all(only={"select"}):
        assert select.select is green.select
        assert vars(select)["poll"] is green.poll
        assert isinstance(older, select.epoll)
        assert isinstance(select.epoll(), select.epoll)
        thread = threading.Thread(target=select.select, args=([], [], [], SHORT))
        thread.start()
        thread.join()
    assert select.epoll is type(older)
