"""trio in the main program under the patches, beside other green code."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import threading
import time
from typing import Any

import pytest

import greenbridge
from greenbridge import await_, spawn

from .fresh import in_fresh_python
from .green import LONG, SHORT, until
from .test_install import needs
from .test_nested_greenlets import Beside


def use_trio() -> int:
    """Tasks, sockets, timeouts and threads of trio's, and blocking calls in the middle of it."""
    trio: Any = importlib.import_module("trio")

    async def child(n: int, seen: list[int]) -> None:
        await trio.sleep(SHORT)
        seen.append(n)

    async def main() -> int:
        seen: list[int] = []
        async with trio.open_nursery() as nursery:
            for n in range(3):
                nursery.start_soon(child, n, seen)
        assert sorted(seen) == [0, 1, 2]
        ours, theirs = trio.socket.socketpair()
        with ours, theirs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ours.send, b"x")
                assert await theirs.recv(1) == b"x"
        time.sleep(SHORT)
        with trio.move_on_after(SHORT) as scope:
            await trio.sleep(LONG)
        assert scope.cancelled_caught
        return int(await trio.to_thread.run_sync(slow))

    return int(trio.run(main))


def slow() -> int:
    time.sleep(SHORT)
    return 5


@needs("trio")
@in_fresh_python
def test_trio_runs_in_the_main_program_beside_green_threads_that_run_it_as_well() -> None:
    greenbridge.patch_all()
    assert use_trio() == 5  # no hub yet
    with Beside():
        assert use_trio() == 5
        for thread in [spawn(use_trio) for _ in range(5)]:
            assert thread.get() == 5
        threads = [threading.Thread(target=use_trio) for _ in range(2)]
        for native in threads:
            native.start()
        for native in threads:
            native.join()


@needs("trio")
@in_fresh_python
def test_ctrl_c_ends_trio_in_the_main_program_and_cancels_its_tasks() -> None:
    trio: Any = importlib.import_module("trio")
    greenbridge.patch_all()
    ended: list[str] = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await trio.sleep(LONG)
        finally:
            ended.append("main")

    with Beside() as beside:
        until(lambda: beside.loops)
        with pytest.raises(KeyboardInterrupt):
            trio.run(main)
        assert ended == ["main"]


@in_fresh_python
def test_the_descriptor_for_signals_that_is_closed_before_the_loop_ends() -> None:
    # uvloop puts it back at its end: an error that left a loop which could not be closed.
    greenbridge.patch_all()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    assert signal.set_wakeup_fd(ours.fileno()) == -1
    assert greenbridge.spawn(lambda: await_(_one())).get() == 1
    signal.set_wakeup_fd(-1)
    ours.close()
    theirs.close()
    greenbridge.sleep(0)


async def _one() -> int:
    return 1
