"""Tests that show whether code lets others run; see testing.md."""

from __future__ import annotations

import time

import greenbridge

# --8<-- [start:switches]
from greenbridge.testing import assert_switches, heartbeat


def test_it_lets_others_run() -> None:
    def poll() -> None:
        with assert_switches():
            greenbridge.sleep(0.01)  # your function here

    greenbridge.run(poll)


# --8<-- [end:switches]


# --8<-- [start:heartbeat]
async def test_loop_goes_on() -> None:
    def many() -> None:
        with heartbeat() as beat:
            greenbridge.joinall([greenbridge.spawn(greenbridge.sleep, 0.05) for _ in range(100)])
        beat.check(largest_gap=0.5)  # seconds

    await greenbridge.run_sync(many)


# --8<-- [end:heartbeat]


# --8<-- [start:patched]
def test_patched() -> None:
    with greenbridge.patch_all(only={"time"}):
        threads = greenbridge.run(naps)
    assert all(thread.successful() for thread in threads)


# --8<-- [end:patched]


# --8<-- [start:leaks]
def test_nothing_is_left_behind() -> None:
    def serve() -> None:
        with greenbridge.testing.assert_no_leaks():
            greenbridge.spawn(greenbridge.sleep, 0.01).join()

    greenbridge.run(serve)


# --8<-- [end:leaks]


def naps() -> list[greenbridge.GreenThread]:
    threads = [greenbridge.spawn(time.sleep, 0.01) for _ in range(10)]
    greenbridge.joinall(threads)
    return threads
