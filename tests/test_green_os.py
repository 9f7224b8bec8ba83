"""Reading and writing descriptors: the same everywhere, and parked where that would block."""

from __future__ import annotations

import errno
import os
import socket
import sys
import tty
from typing import TYPE_CHECKING, Any

import pytest

from .os_worlds import BIG
from .os_worlds import box as box  # a fixture
from .os_worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .os_worlds import OsWorld

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be polled there")


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """What the call gives, or what it raises, in a form that can be compared."""
    try:
        return call(*args)
    except Exception as error:
        return type(error), str(error)


# -- reading -----------------------------------------------------------------------------------


def test_a_read_waits_for_data(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        peer = box.start(box.read, reader, 100)
        box.pause()
        box.write(writer, b"one")
        assert peer.result() == b"one"
        box.write(writer, b"two")
        assert box.read(reader, 2) == b"tw"
        assert box.read(reader, 100) == b"o"

    box.run(body)


def test_a_read_waits_for_the_end(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        peer = box.start(box.read, reader, 100)
        box.pause()
        box.close(writer)
        assert peer.result() == b""
        assert box.read(reader, 100) == b""

    box.run(body)


def test_readv_and_readinto_wait_as_well(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        first, second = bytearray(2), bytearray(10)
        peer = box.start(box.readv, reader, [first, second])
        box.pause()
        box.write(writer, b"12345")
        assert peer.result() == 5
        assert bytes(first + second[:3]) == b"12345"
        if hasattr(os, "readinto"):
            peer = box.start(box.readinto, reader, second)
            box.pause()
            box.write(writer, b"abc")
            assert peer.result() == 3
            assert second[:3] == b"abc"

    box.run(body)


def test_each_of_several_readers_gets_something(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        peers = [box.start(box.read, reader, 1) for _ in range(4)]
        box.pause()
        box.write(writer, b"ab")
        box.pause()
        box.write(writer, b"cd")
        assert sorted(peer.result() for peer in peers) == [b"a", b"b", b"c", b"d"]

    box.run(body)


def test_what_is_in_non_blocking_mode_is_not_waited_for(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        with pytest.raises(BlockingIOError):
            box.read(reader, 1)
        written = box.write(writer, BIG)
        assert 0 < written < len(BIG)
        with pytest.raises(BlockingIOError):
            box.write(writer, BIG)
        with pytest.raises(BlockingIOError):
            box.write(writer, b"x" * 5000)

    box.run(body)


def test_the_mode_of_a_descriptor_stays(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        peer = box.start(box.read, reader, 1)
        box.pause()
        assert os.get_blocking(reader)
        box.write(writer, b"x")
        peer.result()
        assert os.get_blocking(reader)
        assert os.get_blocking(writer)

    box.run(body)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("read", (-1, 1)),
        ("read", (10**6, 1)),
        ("read", (2**40, 1)),
        ("read", (0, -1)),
        ("read", ("x", 1)),
        ("read", (0,)),
        ("write", (-1, b"x")),
        ("write", (10**6, BIG)),
        ("write", (1, "text")),
        ("write", (1, None)),
        ("readv", (-1, [bytearray(1)])),
        ("writev", (-1, [b"x"])),
        ("close", (-1,)),
        ("close", (10**6,)),
        ("close", ("x",)),
        ("dup2", (-1, 10**4)),
        ("dup2", (10**4, 10**4)),
        ("waitpid", (2**30, 0)),
        ("waitpid", ("x", 0)),
        ("wait", ()),
        ("wait4", (2**30, 0)),
        ("fdopen", ("x",)),
        ("fdopen", (10**6,)),
    ],
)
def test_wrong_arguments_are_refused_in_the_same_way(
    box: OsWorld, name: str, args: tuple[Any, ...]
) -> None:
    expected = outcome(getattr(os, name), *args)
    assert isinstance(expected, tuple)
    found = box.run(lambda: outcome(getattr(box, name), *args))
    if expected[0] is TypeError:  # the names of functions differ
        assert found[0] is TypeError
    else:
        assert found == expected


def test_the_wrong_end_of_a_pipe_is_an_error_at_once(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        for call, *args in ((box.read, writer, 1), (box.write, reader, b"x" * 1000)):
            with pytest.raises(OSError) as caught:
                call(*args)
            assert caught.value.errno == errno.EBADF

    box.run(body)


def test_reading_nothing_does_not_wait(box: OsWorld) -> None:
    def body() -> None:
        reader, _ = box.pipe()
        assert box.read(reader, 0) == b""

    box.run(body)


# -- writing -----------------------------------------------------------------------------------


def collect(box: OsWorld, reader: int, size: int, chunk: int = 10_000) -> bytes:
    data = b""
    while len(data) < size:
        part = box.read(reader, chunk)
        assert part
        data += part
        box.pause(0)
    return data


@pytest.mark.parametrize("name", ["write", "writev"])
def test_a_write_is_complete_when_it_returns(box: OsWorld, name: str) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        data: Any = BIG if name == "write" else [BIG[:100], BIG[100:200_000], BIG[200_000:]]
        peer = box.start(getattr(box, name), writer, data)
        box.pause()
        assert collect(box, reader, len(BIG)) == BIG
        assert peer.result() == len(BIG)

    box.run(body)


def test_a_small_write_waits_for_room(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        os.set_blocking(writer, False)
        full = os.write(writer, BIG)
        os.set_blocking(writer, True)
        peer = box.start(box.write, writer, b"end")
        box.pause()
        assert collect(box, reader, full + 3) == BIG[:full] + b"end"
        assert peer.result() == 3

    box.run(body)


@pytest.mark.parametrize("size", [3, 1000, len(BIG)])
def test_a_pipe_that_nobody_reads_is_an_error(box: OsWorld, size: int) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        box.close(reader)
        with pytest.raises(BrokenPipeError):
            box.write(writer, BIG[:size])

    box.run(body)


def test_a_pipe_that_is_closed_amid_a_write_gives_the_part(box: OsWorld) -> None:
    def body() -> None:
        reader, writer = box.pipe()
        peer = box.start(box.write, writer, BIG)
        box.pause()
        assert box.read(reader, 1000) == BIG[:1000]
        box.pause()
        box.close(reader)
        assert 0 < peer.result() < len(BIG)
        with pytest.raises(BrokenPipeError):
            box.write(writer, b"x")

    box.run(body)


def test_a_socket_is_written_completely(box: OsWorld) -> None:
    def body() -> None:
        a, b = socket.socketpair()
        with a, b:
            peer = box.start(box.write, a.fileno(), BIG)
            box.pause()
            assert collect(box, b.fileno(), len(BIG)) == BIG
            assert peer.result() == len(BIG)

    box.run(body)


def test_a_terminal_is_written_completely_from_both_ends(box: OsWorld) -> None:
    text = (b"x" * 99 + b"\n") * 200

    def body() -> None:
        terminal, program = map(box.keep, os.openpty())
        tty.setraw(terminal)
        for target, source in ((program, terminal), (terminal, program)):
            peer = box.start(box.write, target, text)
            box.pause()
            assert collect(box, source, len(text), chunk=700) == text
            assert peer.result() == len(text)
        peer = box.start(box.read, program, 100)
        box.pause()
        box.write(terminal, b"line\n")
        assert peer.result() == b"line\n"

    box.run(body)


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="Linux only")
def test_an_eventfd(box: OsWorld) -> None:
    def body() -> None:
        fd = box.keep(os.eventfd(0))
        peer = box.start(box.eventfd_read, fd)
        box.pause()
        box.eventfd_write(fd, 5)
        assert peer.result() == 5
        box.eventfd_write(fd, 2**64 - 2)  # full
        peer = box.start(box.eventfd_write, fd, 1)
        box.pause()
        assert box.eventfd_read(fd) == 2**64 - 2
        peer.result()
        assert box.eventfd_read(fd) == 1

    box.run(body)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other arguments")
def test_sendfile_and_splice(box: OsWorld, tmp_path: Path) -> None:
    def body() -> None:
        path = tmp_path / "file"
        path.write_bytes(BIG)
        reader, writer = box.pipe()
        with path.open("rb") as file:
            a, b = socket.socketpair()
            with a, b:
                peer = box.start(box.sendfile, a.fileno(), file.fileno(), 0, len(BIG))
                box.pause()
                assert collect(box, b.fileno(), len(BIG)) == BIG
                assert peer.result() == len(BIG)
            peer = box.start(box.splice, file.fileno(), writer, 30, 100)
            box.pause()
            assert peer.result() == 30
            assert box.read(reader, 100) == BIG[100:130]
            target = (tmp_path / "target").open("wb")
            with target:
                peer = box.start(box.splice, reader, target.fileno(), 100)
                box.pause()
                box.write(writer, b"data")
                assert peer.result() == 4
        assert (tmp_path / "target").read_bytes() == b"data"

    box.run(body)
