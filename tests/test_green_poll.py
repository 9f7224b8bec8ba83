"""``poll`` and ``epoll``: the same answers as the stdlib's, in every world."""

from __future__ import annotations

import errno
import os
import select as stdlib
import sys
import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import select as green
from greenbridge.green.socket import socketpair
from greenbridge.testing import statistics

from .fresh import in_fresh_python
from .select_worlds import LONG, SHORT, File, implementation, outcome
from .select_worlds import pipe as pipe  # a fixture
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from .worlds import World

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
