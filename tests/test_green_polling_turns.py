"""Who only polls, and is answered at once each time, does not keep the CPU for itself."""

from __future__ import annotations

import asyncio
import select as stdlib
import selectors
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import select as green
from greenbridge.green.selectors import select_epoll, select_poll, select_select
from greenbridge.green.socket import socketpair

from .fresh import in_fresh_python
from .green import LONG, run_green

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Poll = Any  # a function that polls once, of one descriptor that can always be written


def _select(fd: int) -> Poll:
    return lambda: green.select([], [fd], [])


def _poll(fd: int) -> Poll:
    polled = green.poll()
    polled.register(fd, stdlib.POLLOUT)
    return polled.poll


def _epoll(fd: int) -> Poll:
    polled = green.epoll()
    polled.register(fd, stdlib.EPOLLOUT)
    return polled.poll


def _selector(make: Any, method: Callable[[Any], object]) -> Callable[[int], Poll]:
    def register(fd: int) -> Poll:
        selector = make()
        selector.register(fd, selectors.EVENT_WRITE)
        return lambda: method(selector)

    return register


WAYS = {
    "select": _select,
    "poll": _poll,
    "epoll": _epoll,
    "SelectSelector": _selector(selectors.SelectSelector, select_select),
    "PollSelector": _selector(selectors.PollSelector, select_poll),
    "EpollSelector": _selector(selectors.EpollSelector, select_epoll),
}


@contextmanager
def polling(way: str) -> Iterator[tuple[Poll, Any, Any]]:
    """A poll of a socket that can be written, that socket, and its peer."""
    a, b = socketpair()
    with a, b:
        yield WAYS[way](a.fileno()), a, b


@pytest.mark.parametrize("way", WAYS)
def test_a_thread_that_is_ready_has_its_turn(loop_factory: Any, way: str) -> None:
    def main() -> None:
        with polling(way) as (poll, _, _):
            other = greenbridge.spawn(lambda: None)
            assert poll()
            assert not other.ready()  # a single answer is taken without a switch
            assert poll()
            assert other.ready()

    run_green(main, loop_factory=loop_factory)


@pytest.mark.parametrize("way", WAYS)
def test_who_waits_for_the_loop_has_its_turn(loop_factory: Any, way: str) -> None:
    def main() -> None:
        with polling(way) as (poll, a, b):
            sleeper = greenbridge.spawn(greenbridge.sleep, 0.02)
            receiver = greenbridge.spawn(a.recv, 1)
            greenbridge.sleep(0)
            b.send(b"x")
            until = time.monotonic() + LONG
            while not (sleeper.ready() and receiver.ready()):
                assert time.monotonic() < until, "the others never had a turn"
                assert poll()
            assert receiver.get() == b"x"

    run_green(main, loop_factory=loop_factory)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_at_once_is_no_switch_where_none_is_allowed(loop_factory: Any, way: str) -> None:
    def main() -> None:
        with polling(way) as (poll, _, _):
            other = greenbridge.spawn(lambda: None)
            until = time.monotonic() + 3 * sys.getswitchinterval()
            with greenbridge.no_switch():
                while time.monotonic() < until:
                    assert poll()
                assert not other.ready()

    run_green(main, loop_factory=loop_factory)


def test_a_look_without_a_timeout_is_never_a_switch(loop_factory: Any) -> None:
    """Finalizers and signal handlers look whether a connection was dropped."""

    def main() -> None:
        a, b = socketpair()
        with a, b:
            other = greenbridge.spawn(lambda: None)
            until = time.monotonic() + 3 * sys.getswitchinterval()
            while time.monotonic() < until:
                assert green.select([], [a], [], 0)[1] == [a]
            assert not other.ready()

    run_green(main, loop_factory=loop_factory)


@in_fresh_python
def test_a_busy_loop_in_a_green_thread_lets_others_run() -> None:
    from .conftest import LOOPS

    greenbridge.patch_all()

    async def busy(others: list[Any]) -> bool:
        until = time.monotonic() + LONG
        while not all(other.ready() for other in others):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0)
        return True

    def main() -> None:
        others = [greenbridge.spawn(time.sleep, 0.02), greenbridge.spawn(lambda: None)]
        thread = greenbridge.spawn(lambda: asyncio.run(busy(others)))
        assert thread.get()

    for factory in LOOPS.values():
        greenbridge.run(main, loop_factory=factory)
