"""Descriptors: several waiters, cancelled waits, closed and reused numbers; on both loops."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge import LoopMismatchError, Timeout, await_, joinall, offload, sleep, spawn
from greenbridge._hub import HUBS
from greenbridge._hubs import get_hub
from greenbridge._waiting import closing_fd, wait_any, wait_readable, wait_writable
from greenbridge.testing import statistics

from .green import LONG, SHORT, in_green, run_green

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def close(*sockets: socket.socket) -> None:
    for sock in sockets:
        if sock.fileno() >= 0:
            closing_fd(sock.fileno())
            sock.close()


_made: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _close_what_a_failed_test_left() -> Iterator[None]:
    yield
    close(*_made)
    _made.clear()


def socketpair() -> tuple[socket.socket, socket.socket]:
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    _made.extend((a, b))
    return a, b


def recv(sock: socket.socket) -> bytes:
    while True:
        try:
            return sock.recv(1)
        except BlockingIOError:
            wait_readable(sock.fileno())


@in_green
def test_waiters_of_one_descriptor_are_served_in_order() -> None:
    # On a bare loop a second add_reader silently replaces the first.
    a, b = socketpair()
    got: list[tuple[int, bytes]] = []

    def reader(i: int) -> None:
        if i % 2:
            await_(asyncio.sleep(0))
        wait_readable(a.fileno())
        got.append((i, recv(a)))

    threads = []
    for i in range(6):
        threads.append(spawn(reader, i))
        sleep(SHORT)
    for i in range(6):
        b.send(bytes([i]))
        sleep(SHORT)
    joinall(threads, LONG)
    assert got == [(i, bytes([i])) for i in range(6)]
    close(a, b)
    assert statistics()["fds"] == 0


@in_green
def test_one_event_that_leaves_data_wakes_the_next_waiter_too() -> None:
    a, b = socketpair()
    threads = [spawn(recv, a) for _ in range(3)]
    sleep(SHORT)
    b.send(b"xyz")
    assert [thread.get() for thread in threads] == [b"x", b"y", b"z"]
    close(a, b)


@in_green
def test_reading_and_writing_wait_side_by_side() -> None:
    a, b = socketpair()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def write_all() -> int:
        sent = 0
        while sent < 200_000:
            try:
                sent += a.send(b"x" * 10_000)
            except BlockingIOError:
                wait_writable(a.fileno())
        return sent

    reader = spawn(recv, a)
    writer = spawn(write_all)
    sleep(SHORT)
    assert not reader.ready()
    assert not writer.ready()
    received = 0
    while received < writer.get() if writer.ready() else True:
        wait_readable(b.fileno())
        received += len(b.recv(65536))
    b.send(b"!")
    assert reader.get() == b"!"
    close(a, b)


@pytest.mark.parametrize("promoted", [False, True])
@in_green
def test_a_cancelled_wait_leaves_nothing_and_loses_no_data(promoted: bool) -> None:
    a, b = socketpair()

    def body() -> bytes:
        if promoted:
            await_(asyncio.sleep(0))
        return recv(a)

    for _ in range(5):
        thread = spawn(body)
        sleep(SHORT / 5)
        thread.kill()
        with pytest.raises(Timeout), Timeout(SHORT / 5):
            recv(a)
        assert not wait_readable(a.fileno(), SHORT / 5)
    record = get_hub().fds[a.fileno()]
    assert not record.readers
    b.send(b"x")
    assert spawn(body).get() == b"x"
    close(a, b)
    assert statistics()["fds"] == 0


@pytest.mark.parametrize("promoted", [False, True])
@in_green
def test_a_kill_after_the_event_leaves_the_data_to_the_next(promoted: bool) -> None:
    a, b = socketpair()

    def body() -> bytes:
        if promoted:
            await_(asyncio.sleep(0))
        return recv(a)

    for _ in range(20):
        first, second = spawn(body), spawn(body)
        sleep(SHORT / 5)
        b.send(b"x")
        spawn(first.kill, block=False)
        sleep(0)
        first.join(LONG / 3)
        if isinstance(first.value, bytes):
            b.send(b"y")
        assert second.get(timeout=LONG / 3) in (b"x", b"y")
    close(a, b)


@in_green
def test_a_reader_that_nobody_waits_for_is_disarmed_when_it_fires() -> None:
    a, b = socketpair()
    assert not wait_readable(a.fileno(), SHORT)
    assert a.fileno() in get_hub().fds  # it stays armed
    b.send(b"x")
    sleep(SHORT)
    assert a.fileno() not in get_hub().fds
    assert wait_readable(a.fileno())
    close(a, b)


@pytest.mark.parametrize("wait", [wait_readable, wait_writable, None])
@pytest.mark.parametrize("promoted", [False, True])
@in_green
def test_closing_wakes_who_waits_with_ebadf(
    wait: Callable[[int], bool] | None, promoted: bool
) -> None:
    a, b = socketpair()
    if wait is wait_writable:
        try:
            while True:
                a.send(b"x" * 65536)
        except BlockingIOError:
            pass
    fd = a.fileno()

    def body() -> None:
        if promoted:
            await_(asyncio.sleep(0))
        if wait is None:
            wait_any([fd], [])
        else:
            wait(fd)

    threads = [spawn(body) for _ in range(3)]
    while not all(thread.waiter for thread in threads):  # until all of them are parked
        sleep(0)
    close(a)
    joinall(threads, LONG)
    for thread in threads:
        error: Any = thread.exception
        assert error is None if wait is None else error.errno == errno.EBADF
    assert fd not in get_hub().fds
    close(b)


@in_green
def test_a_number_that_is_reused_is_a_new_descriptor() -> None:
    for _ in range(20):
        a, b = socketpair()
        number = a.fileno()
        assert not wait_readable(number, 0.0001)
        close(a, b)
        c, d = socketpair()
        assert number in (c.fileno(), d.fileno())
        threads = [spawn(recv, c), spawn(recv, d)]
        sleep(0)
        c.send(b"x")
        d.send(b"y")
        assert [thread.get(timeout=LONG / 3) for thread in threads] == [b"y", b"x"]
        close(c, d)
    assert statistics()["fds"] == 0


@in_green
def test_closing_before_the_loop_has_polled() -> None:
    # uvloop aborts the process here if the registration stays.
    for _ in range(20):
        a, b = socketpair()
        thread = spawn(wait_readable, a.fileno())
        sleep(0)
        close(a, b)
        thread.join(LONG / 3)
        assert isinstance(thread.exception, OSError)


@in_green
def test_closing_in_another_os_thread() -> None:
    for _ in range(10):
        a, b = socketpair()
        fd = a.fileno()
        threads = [spawn(wait_readable, fd) for _ in range(2)]
        sleep(SHORT / 5)
        offload(close, a)
        for thread in threads:
            thread.join(LONG / 3)
            assert isinstance(thread.exception, OSError)
        assert fd not in get_hub().fds
        close(b)


@in_green
def test_closing_while_another_os_threads_hub_waits() -> None:
    a, b = socketpair()
    fd = a.fileno()
    waiting = threading.Event()
    errors: list[BaseException | None] = []

    def other_hub() -> None:
        def main() -> None:
            thread = spawn(wait_readable, fd)
            sleep(SHORT)
            waiting.set()
            thread.join(LONG / 3)
            errors.append(thread.exception)

        import greenbridge

        greenbridge.run(main)

    native = threading.Thread(target=other_hub)
    native.start()
    waiting.wait()
    close(a, b)
    native.join()
    assert isinstance(errors[0], OSError)


def test_closing_does_not_wait_for_a_loop_that_has_ended() -> None:
    a, b = socketpair()
    fd = a.fileno()

    def other() -> None:
        loop = asyncio.new_event_loop()

        async def main() -> None:
            thread = spawn(wait_readable, fd)
            await asyncio.sleep(SHORT)
            assert not thread.ready()
            stopped.append(thread)

        loop.run_until_complete(main())
        loops.append(loop)

    stopped: list[Any] = []
    loops: list[asyncio.AbstractEventLoop] = []
    native = threading.Thread(target=other)
    native.start()
    native.join()
    before = time.monotonic()
    close(a, b)
    assert time.monotonic() - before < 0.5
    assert not any(fd in hub.fds for hub in HUBS)
    stopped.clear()


@in_green
def test_the_blocking_flag_is_kept() -> None:
    # libuv makes what it watches non-blocking; a child process that shares it must not notice.
    for blocking in (True, False):
        a, b = socket.socketpair()
        a.setblocking(blocking)
        assert not wait_readable(a.fileno(), SHORT / 5)
        assert os.get_blocking(a.fileno()) is blocking
        b.send(b"x")
        assert wait_readable(a.fileno())
        assert os.get_blocking(a.fileno()) is blocking
        close(a, b)


@in_green
async def test_a_descriptor_of_a_transport_is_refused() -> None:
    a, b = socketpair()
    _, writer = await asyncio.open_connection(sock=a)
    with pytest.raises((LoopMismatchError, OSError)):
        wait_readable(writer.get_extra_info("socket").fileno())
    assert statistics()["fds"] == 0
    writer.close()
    await asyncio.sleep(SHORT)
    b.close()


@in_green
def test_an_armed_descriptor_does_not_keep_its_waiters_context() -> None:
    import contextvars
    import gc
    import weakref

    class Thing:
        pass

    var: contextvars.ContextVar[Thing] = contextvars.ContextVar("var")
    a, b = socketpair()

    def body() -> weakref.ref[Thing]:
        thing = Thing()
        var.set(thing)
        wait_readable(a.fileno(), SHORT)
        return weakref.ref(thing)

    ref = spawn(body).get()
    sleep(0)
    gc.collect()
    assert ref() is None
    close(a, b)


def test_waits_use_few_system_calls(loop_factory: Any) -> None:
    # The reader stays armed: one add_reader for a thousand waits.
    added = 0

    def factory() -> asyncio.AbstractEventLoop:
        loop: Any = loop_factory()
        original = loop.add_reader

        def add_reader(*args: Any) -> Any:
            nonlocal added
            added += 1
            return original(*args)

        loop.add_reader = add_reader
        return loop  # type: ignore[no-any-return]

    def main() -> None:
        a, b = socketpair()
        for _ in range(1000):
            spawn(b.send, b"x")
            recv(a)
        close(a, b)

    run_green(main, loop_factory=factory)
    assert added == 1
