"""Reading and writing descriptors in green code: others run meanwhile, and nothing is left."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pytest

import greenbridge
from greenbridge.green import os as green_os
from greenbridge.testing import assert_no_leaks, assert_switches

from .green import LONG, SHORT, in_green
from .os_worlds import BIG
from .os_worlds import box as box  # a fixture
from .os_worlds import world as world  # a fixture

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be polled there")


# -- only green --------------------------------------------------------------------------------


@in_green
def test_others_run_meanwhile() -> None:
    reader, writer = os.pipe()
    thread = greenbridge.spawn(green_os.read, reader, 5)
    with assert_switches():
        greenbridge.sleep(SHORT)
    green_os.write(writer, b"x")
    assert thread.get(timeout=LONG) == b"x"
    green_os.close(reader)
    green_os.close(writer)


@in_green
def test_a_file_on_disk_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BIG)
    fd = os.open(path, os.O_RDWR)
    with greenbridge.no_switch():
        assert green_os.read(fd, 2**20) == BIG
        assert green_os.write(fd, BIG) == len(BIG)
    green_os.close(fd)


@in_green
def test_who_reads_is_told_when_the_descriptor_is_closed() -> None:
    for end in ("close", "dup2", "closerange", "file"):
        reader, writer = os.pipe()
        other, _ = pair = os.pipe()
        waiting = [greenbridge.spawn(green_os.read, reader, 5) for _ in range(2)]
        greenbridge.sleep(SHORT)
        if end == "close":
            green_os.close(reader)
        elif end == "dup2":
            green_os.dup2(other, reader)
        elif end == "closerange":
            green_os.closerange(reader, reader + 1)
        else:
            green_os.fdopen(reader, "rb").close()
        for thread in waiting:
            with pytest.raises(OSError) as caught:
                thread.get(timeout=LONG)
            assert caught.value.errno == errno.EBADF
        for fd in (writer, *pair, *([reader] if end == "dup2" else [])):
            os.close(fd)


@in_green
def test_a_wait_that_is_ended_takes_nothing() -> None:
    reader, writer = os.pipe()
    thread = greenbridge.spawn(green_os.read, reader, 5)
    greenbridge.sleep(SHORT)
    thread.kill()
    other = greenbridge.spawn(green_os.read, reader, 5)
    greenbridge.sleep(SHORT)
    os.write(writer, b"x")
    assert other.get(timeout=LONG) == b"x"
    os.close(reader)
    os.close(writer)


@in_green
def test_a_number_that_was_closed_behind_our_back_is_no_harm() -> None:
    for _ in range(5):
        reader, writer = os.pipe()
        with greenbridge.Timeout(SHORT, False):
            green_os.read(reader, 5)
        copy = os.dup(reader)  # the file lives on, and so does its registration
        os.close(reader)
        again, own = os.pipe()
        assert again == reader
        os.write(writer, b"old")
        thread = greenbridge.spawn(green_os.read, again, 5)
        greenbridge.sleep(SHORT)
        os.write(own, b"new")
        assert thread.get(timeout=LONG) == b"new"
        for fd in (again, own, writer, copy):
            os.close(fd)


@in_green
def test_nothing_is_left_behind() -> None:
    with assert_no_leaks():
        reader, writer = os.pipe()
        thread = greenbridge.spawn(green_os.read, reader, 5)
        greenbridge.sleep(SHORT)
        os.write(writer, b"x")
        assert thread.get(timeout=LONG) == b"x"
        os.close(reader)
        os.close(writer)


@in_green
async def test_in_a_task() -> None:
    reader, writer = os.pipe()

    async def read() -> bytes:
        return green_os.read(reader, 5)

    import asyncio

    greenbridge.install()
    task = asyncio.create_task(read())
    await asyncio.sleep(SHORT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    task = asyncio.create_task(read())
    await asyncio.sleep(SHORT)
    os.write(writer, b"x")
    assert await task == b"x"
    os.close(reader)
    os.close(writer)
