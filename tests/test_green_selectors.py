"""Selectors: the stdlib's classes wait greenly, and event loops in any thread keep working."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import selectors
import socketserver
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import selectors as green
from greenbridge.green.socket import socketpair
from greenbridge.testing import heartbeat, statistics

from .fresh import in_fresh_python
from .green import others_run, until
from .worlds import LONG
from .worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .worlds import World

SHORT = 0.03  # seconds

#: Each class with the function that takes the place of its `select`.
CLASSES: dict[str, tuple[Any, Any]] = {
    "SelectSelector": (selectors.SelectSelector, green.select_select),
    "PollSelector": (getattr(selectors, "PollSelector", None), green.select_poll),
    "EpollSelector": (getattr(selectors, "EpollSelector", None), green.select_epoll),
}


@pytest.fixture(params=[name for name, (kind, _) in CLASSES.items() if kind])
def make(request: pytest.FixtureRequest, world: World) -> Iterator[Callable[[], Any]]:
    """Make a selector with the methods of this world, without patching the class itself."""
    kind, select = CLASSES[request.param]
    if not world.original:
        methods = {"select": select}
        if request.param == "EpollSelector":
            methods["close"] = green.close_epoll
        kind = type(request.param, (kind,), methods)
    made: list[Any] = []

    def new() -> Any:
        made.append(kind())
        return made[-1]

    yield new
    for selector in made:
        selector.close()


def test_select_waits_until_something_is_ready(world: World, make: Callable[[], Any]) -> None:
    def body() -> None:
        r, w = os.pipe()
        selector = make()
        key = selector.register(r, selectors.EVENT_READ, "data")
        waiting = world.start(selector.select)
        world.pause()
        os.write(w, b"x")
        assert waiting.result() == [(key, selectors.EVENT_READ)]
        assert selector.select(0) == selector.select(-1) == [(key, selectors.EVENT_READ)]
        os.read(r, 1)
        selector.unregister(r)
        os.close(r)
        os.close(w)

    world.run(body)


def test_select_waits_for_sockets_in_both_directions(world: World, make: Callable[[], Any]) -> None:
    def body() -> None:
        a, b = socketpair()
        with a, b:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            selector = make()
            selector.register(a, selectors.EVENT_WRITE)
            sent = 0
            while selector.select(0):
                sent += a.send(bytes(65536))
            key = selector.modify(a, both)
            assert selector.select(SHORT) == []
            waiting = world.start(selector.select, LONG)
            world.pause()
            b.send(b"x")
            assert waiting.result() == [(key, selectors.EVENT_READ)]
            a.recv(1)
            waiting = world.start(selector.select, LONG)
            world.pause()
            b.settimeout(LONG)
            while sent > 0:
                sent -= len(b.recv(65536))
            assert waiting.result() == [(key, selectors.EVENT_WRITE)]

    world.run(body)


def test_select_times_out(world: World, make: Callable[[], Any]) -> None:
    def body() -> None:
        r, w = os.pipe()
        selector = make()
        for fd in (None, r):
            if fd is not None:
                selector.register(fd, selectors.EVENT_READ)
            began = time.monotonic()
            assert selector.select(SHORT) == []
            assert SHORT * 0.99 <= time.monotonic() - began < 5
        assert selector.select(0) == []
        with pytest.raises(TypeError):
            selector.select("1")
        selector.unregister(r)
        os.close(r)
        os.close(w)

    world.run(body)


def test_others_run_while_one_waits(loop_factory: Any) -> None:
    def body() -> None:
        r, w = os.pipe()
        with heartbeat() as beat:
            for kind, select in CLASSES.values():
                selector = kind()
                selector.register(r, selectors.EVENT_READ)
                with others_run(beat):
                    assert select(selector, 0.1) == []
                selector.close()
        os.close(r)
        os.close(w)

    greenbridge.run(body, loop_factory=loop_factory)


def test_closing_an_epoll_selector_wakes_who_waits(loop_factory: Any) -> None:
    def body() -> None:
        selector = selectors.EpollSelector()
        waiting = greenbridge.spawn(green.select_epoll, selector)
        greenbridge.sleep(0.01)
        green.close_epoll(selector)
        green.close_epoll(selector)
        with pytest.raises(OSError) as caught:
            waiting.get(timeout=LONG)
        assert caught.value.errno == errno.EBADF
        assert statistics()["fds"] == 0

    greenbridge.run(body, loop_factory=loop_factory)


def test_a_dropped_epoll_selector_leaves_no_registration(loop_factory: Any) -> None:
    """uvloop aborts the process when it finds a descriptor that was closed silently."""

    def body() -> None:
        selector = selectors.EpollSelector()
        assert green.select_epoll(selector, 0.01) == []
        assert statistics()["fds"] == 1
        del selector
        gc.collect()
        assert statistics()["fds"] == 0
        pairs = [socketpair() for _ in range(3)]  # the number is used again
        greenbridge.sleep(0.01)
        for sock in (sock for pair in pairs for sock in pair):
            sock.close()

    greenbridge.run(body, loop_factory=loop_factory)


def test_closing_a_registered_socket_wakes_a_poll_selector(loop_factory: Any) -> None:
    def body() -> None:
        a, b = socketpair()
        selector = selectors.PollSelector()
        key = selector.register(a, selectors.EVENT_READ)
        waiting = greenbridge.spawn(green.select_poll, selector)
        greenbridge.sleep(0.01)
        a.close()
        ready = waiting.get(timeout=LONG)  # POLLNVAL is anything, to the stdlib
        assert [k for k, _ in ready] == [key]
        b.close()

    greenbridge.run(body, loop_factory=loop_factory)


# -- patched -----------------------------------------------------------------------------------


@in_fresh_python
def test_selectors_made_before_patching_become_green() -> None:
    made = [selectors.SelectSelector(), selectors.PollSelector(), selectors.EpollSelector()]
    default = selectors.DefaultSelector
    r, w = os.pipe()
    for selector in made:
        selector.register(r, selectors.EVENT_READ)
    applied = greenbridge.patch_all(only={"selectors"})
    assert selectors.DefaultSelector is default

    def main() -> None:
        waiting = [greenbridge.spawn(selector.select) for selector in made]
        with heartbeat() as beat:
            until(lambda: beat.beats > 3)
            assert not any(thread.ready() for thread in waiting)
            os.write(w, b"x")
            for thread, selector in zip(waiting, made, strict=True):
                assert thread.get() == [(selector.get_key(r), selectors.EVENT_READ)]

    greenbridge.run(main)
    for selector in made:
        selector.close()
    applied.restore()
    assert "select" not in vars(selectors.PollSelector)


@in_fresh_python
def test_modules_that_imported_a_selector_earlier_are_green() -> None:
    greenbridge.patch_all()

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    def main() -> None:
        with Server(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
            serving = greenbridge.spawn(server.serve_forever, 0.01)
            with heartbeat() as beat:
                code = "import time; time.sleep(0.1); print(input())"
                done = subprocess.Popen(
                    [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
                with others_run(beat):
                    assert done.communicate(b"hello\n", timeout=LONG)[0] == b"hello\n"
            stopping = greenbridge.spawn(greenbridge.offload, server.shutdown)
            serving.join()
            stopping.join()

    greenbridge.run(main)


async def _everything(number: int) -> Any:
    me = asyncio.current_task()
    values = [x async for x in _numbers()]
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"x")
    echoed = await reader.read(1)
    writer.close()
    await writer.wait_closed()
    server.close()
    time.sleep(0.01)  # parks the green thread in the middle of a step
    in_thread = await asyncio.to_thread(lambda: 7)
    loop = asyncio.get_running_loop()
    return number, values, echoed, in_thread, asyncio.current_task() is me, type(loop).__name__


async def _numbers() -> Any:
    for number in range(3):
        await asyncio.sleep(0.005)
        yield number


async def _echo(reader: Any, writer: Any) -> None:
    writer.write(await reader.read(1))
    await writer.drain()
    writer.close()


def _nested_loops(number: int) -> Any:
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    try:
        loop = asyncio.SelectorEventLoop()
        return loop.run_until_complete(_everything(number))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def _check_nested(threads: list[Any]) -> None:
    for number, thread in enumerate(threads):
        expected = (number, [0, 1, 2], b"x", 7, True, "_UnixSelectorEventLoop")
        assert thread.get(timeout=LONG) == expected


@in_fresh_python
def test_event_loops_run_inside_green_threads() -> None:
    from .conftest import LOOPS

    greenbridge.patch_all()

    def main() -> None:
        greenbridge.sleep(0.001)  # the hub's loop runs now, and has set its own
        hooks = sys.get_asyncgen_hooks()
        with heartbeat() as beat, others_run(beat):
            _check_nested([greenbridge.spawn(_nested_loops, n) for n in range(10)])
        assert sys.get_asyncgen_hooks() == hooks

    for factory in LOOPS.values():
        greenbridge.run(main, loop_factory=factory)


@in_fresh_python
def test_event_loops_run_in_green_threads_that_have_awaited() -> None:
    from .conftest import LOOPS

    greenbridge.patch_all()

    def awaits_first(number: int) -> Any:
        greenbridge.await_(asyncio.sleep(0.001))
        result = _nested_loops(number)
        greenbridge.await_(asyncio.sleep(0.001))
        return result

    async def main() -> None:
        threads = [greenbridge.spawn(awaits_first, n) for n in range(5)]
        await asyncio.gather(*threads)
        _check_nested(threads)

    for factory in LOOPS.values():
        greenbridge.run(main, loop_factory=factory)


@in_fresh_python
def test_a_loop_on_any_selector_runs_inside_a_green_thread() -> None:
    greenbridge.patch_all()

    async def sleepy() -> str:
        await asyncio.sleep(0.02)
        time.sleep(0.02)
        return "done"

    def run(kind: Any) -> str:
        loop = asyncio.SelectorEventLoop(kind())
        try:
            return loop.run_until_complete(sleepy())
        finally:
            loop.close()

    def main() -> None:
        kinds = (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector)
        threads = [greenbridge.spawn(run, kind) for kind in kinds for _ in range(3)]
        with heartbeat() as beat, others_run(beat):
            for thread in threads:
                assert thread.get() == "done"

    greenbridge.run(main)


@in_fresh_python
def test_loops_outside_green_code_fall_through() -> None:
    older = asyncio.SelectorEventLoop()
    greenbridge.patch_all()

    async def sleepy() -> str:
        await asyncio.sleep(0.01)
        return await asyncio.to_thread(lambda: "done")

    assert older.run_until_complete(sleepy()) == "done"
    older.run_until_complete(older.shutdown_default_executor())
    older.close()
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(sleepy())))
    thread.start()
    thread.join()
    assert results == ["done"]
    assert asyncio.run(sleepy()) == "done"
