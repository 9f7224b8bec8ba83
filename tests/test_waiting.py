"""The seam: the same calls park in green code and block elsewhere."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import _waiting, await_, sleep, spawn
from greenbridge._hubs import get_hub
from greenbridge._waiting import check_timeout, parkable, wait_any, wait_readable, wait_writable
from greenbridge.testing import assert_switches, statistics

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    a, b = socket.socketpair()
    with a, b:
        yield a, b
        for end in (a, b):
            _waiting.closing_fd(end.fileno())


def everywhere(body: Callable[[Any], None]) -> Callable[..., None]:
    """Run *body* in the root, in a green thread, one with a Task, a green task, a native thread."""

    def promoted(pair: Any) -> None:
        await_(asyncio.sleep(0))
        body(pair)

    async def task(pair: Any) -> None:
        body(pair)

    @in_green
    def test(pair: Any) -> None:
        body(pair)
        spawn(body, pair).get()
        spawn(promoted, pair).get()
        await_(task(pair))
        greenbridge.offload(body, pair)

    test.__name__ = body.__name__
    return test


@everywhere
def test_readable_and_writable_and_timeouts(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    assert wait_writable(a.fileno(), LONG)
    before = time.monotonic()
    assert not wait_readable(a.fileno(), SHORT)
    assert time.monotonic() - before >= SHORT
    assert not wait_readable(a.fileno(), 0)
    b.send(b"x")
    assert wait_readable(a.fileno())
    assert wait_readable(a.fileno(), LONG)
    assert wait_readable(a.fileno(), 0) or parkable()
    wait_any([a.fileno()], [], LONG)
    assert a.recv(10) == b"x"
    wait_any([a.fileno()], [a.fileno(), b.fileno()])
    before = time.monotonic()
    wait_any([a.fileno(), b.fileno()], [], SHORT)
    assert time.monotonic() - before >= SHORT


@everywhere
def test_bad_descriptors_are_ebadf(pair: object) -> None:
    for fd in (-1, 10_000):
        for wait in (wait_readable, wait_writable):
            with pytest.raises(OSError) as caught:
                wait(fd, SHORT)
            assert caught.value.errno == errno.EBADF
    if parkable():
        assert 10_000 not in get_hub().fds


@in_green
def test_a_parked_wait_lets_others_run(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    spawn(b.send, b"x")
    with assert_switches():
        assert wait_readable(a.fileno())


def test_a_wait_in_a_native_thread_blocks_it(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(wait_readable(a.fileno(), LONG)))
    thread.start()
    assert not parkable()
    b.send(b"x")
    thread.join()
    assert results == [True]


async def test_in_a_bare_coroutine_the_original_blocks_and_is_counted_as_a_stall(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    stalls: list[tuple[str, float]] = []

    def note(_: object, what: str, seconds: float) -> None:
        stalls.append((what, seconds))

    await spawn(str)  # the hub is attached now
    before = statistics()["stalls"]
    _waiting.on_stall.append(note)
    try:
        assert not parkable()
        sleep(SHORT)
        assert not wait_readable(pair[0].fileno(), SHORT)
    finally:
        _waiting.on_stall.remove(note)
    assert statistics()["stalls"] == before + 2
    assert [what for what, _ in stalls] == ["time.sleep", "poll"]
    assert all(seconds >= SHORT for _, seconds in stalls)


@in_green
def test_regular_files_are_always_ready(tmp_path: Any) -> None:
    with (tmp_path / "file").open("w+b") as file:
        assert wait_readable(file.fileno())
        assert wait_writable(file.fileno(), SHORT)
        wait_any([file.fileno()], [], LONG)
        assert statistics()["fds"] == 0


@in_green
def test_pipes() -> None:
    reader, writer = os.pipe()
    assert not wait_readable(reader, SHORT)
    assert wait_writable(writer)
    spawn(os.write, writer, b"x")
    assert wait_readable(reader)
    _waiting.closing_fd(writer)
    os.close(writer)
    assert os.read(reader, 5) == b"x"
    assert wait_readable(reader)  # the end of it
    assert os.read(reader, 5) == b""
    _waiting.closing_fd(reader)
    os.close(reader)


def test_check_timeout_names_what_to_write() -> None:
    for good in (None, 0, 0.5, 1, True, float("inf")):
        check_timeout(good)
    for bad in (-1, -0.1, float("nan"), "1x", [1], object()):
        with pytest.raises(greenbridge.BadTimeoutError, match="seconds"):
            check_timeout(bad)  # type: ignore[arg-type]


@in_green
def test_no_switch_turns_every_wait_into_an_error(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    a, _ = pair
    thread = spawn(sleep, LONG)
    sleep(0)
    waits: list[Callable[[], Any]] = [
        lambda: sleep(0),
        lambda: sleep(SHORT),
        lambda: wait_readable(a.fileno()),
        lambda: wait_any([a.fileno()], []),
        thread.join,
        lambda: await_(asyncio.sleep(0)),
    ]

    def body() -> None:
        for wait in waits:
            with (
                pytest.raises(greenbridge.SwitchForbiddenError, match="atomic"),
                greenbridge.no_switch("atomic"),
            ):
                wait()
            before = time.monotonic()
            sleep(SHORT)  # and nothing of the refused wait is left
            assert time.monotonic() - before >= SHORT

    body()
    spawn(body).get()
    assert not thread._links
    thread.kill()


@in_green
async def test_no_switch_binds_only_the_code_in_it() -> None:
    async def other() -> str:
        sleep(SHORT)
        return "ran"

    task = asyncio.ensure_future(other())
    with greenbridge.no_switch():
        await asyncio.sleep(3 * SHORT)  # can be seen by the reader
        with pytest.raises(greenbridge.SwitchForbiddenError):
            sleep(0)
    assert await task == "ran"
    sleep(0)


@in_green
def test_no_switch_nests() -> None:
    with (
        pytest.raises(greenbridge.SwitchForbiddenError, match="outer"),
        greenbridge.no_switch("outer"),
    ):
        with greenbridge.no_switch("inner"):
            pass
        sleep(0)
    sleep(0)


def test_no_switch_outside_green_code_does_nothing() -> None:
    with greenbridge.no_switch():
        sleep(0)

    async def main() -> None:
        thread = spawn(sleep, SHORT)
        with greenbridge.no_switch():
            await thread

    asyncio.run(main())
