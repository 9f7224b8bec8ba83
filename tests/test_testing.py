"""``greenbridge.testing``: the helpers notice what they are for, and nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import Any

import pytest

import greenbridge
from greenbridge import sleep, spawn
from greenbridge._waiting import closing_fd, wait_readable
from greenbridge.testing import (
    aheartbeat,
    assert_no_leaks,
    assert_switches,
    heartbeat,
    parked_threads,
    statistics,
)

from .green import LONG, SHORT, in_green


class Boom(Exception):
    pass


@in_green
def test_assert_switches() -> None:
    with assert_switches():
        sleep(0)
    with assert_switches(at_least=2):
        sleep(0)
        sleep(0)
    with assert_switches(exactly=0):
        pass
    with pytest.raises(AssertionError, match="at least 1"), assert_switches():
        pass
    with pytest.raises(AssertionError, match="exactly 1"), assert_switches(exactly=1):
        pass
    with pytest.raises(AssertionError, match="exactly 0"), assert_switches(exactly=0):
        sleep(0)
    with pytest.raises(Boom), assert_switches():
        raise Boom


async def test_assert_switches_counts_the_first_wait_on_a_loop() -> None:
    def body() -> None:
        with assert_switches(exactly=1):
            sleep(0)

    await greenbridge.run_sync(body)


def test_assert_switches_without_a_hub() -> None:
    with assert_switches(exactly=0):
        sleep(0)


@in_green
def test_heartbeat_measures_how_long_the_loop_stood_still() -> None:
    with heartbeat() as beat:
        sleep(5 * SHORT)
    assert beat.beats >= 2
    beat.check(largest_gap=LONG)
    with heartbeat() as beat:
        sleep(2 * SHORT)
        time.sleep(5 * SHORT)
        sleep(2 * SHORT)
    assert beat.largest_gap >= 4 * SHORT
    with pytest.raises(AssertionError, match="stood still"):
        beat.check(largest_gap=SHORT)
    with heartbeat() as beat:
        pass
    with pytest.raises(AssertionError, match="never beat"):
        beat.check(largest_gap=LONG)
    sleep(0)
    assert not parked_threads()


async def test_aheartbeat_does_the_same_on_any_loop() -> None:
    async with aheartbeat() as beat:
        await asyncio.sleep(5 * SHORT)
    beat.check(largest_gap=LONG)
    async with aheartbeat() as beat:
        await asyncio.sleep(2 * SHORT)
        time.sleep(5 * SHORT)
        await asyncio.sleep(2 * SHORT)
    with pytest.raises(AssertionError, match="stood still"):
        beat.check(largest_gap=SHORT)


@in_green
def test_leaks_of_threads() -> None:
    with assert_no_leaks():
        spawn(sleep, SHORT).join()
    leaked: Any = None
    with pytest.raises(AssertionError, match="leaky"), assert_no_leaks():
        leaked = spawn(sleep, LONG)
        leaked.name = "leaky"
    assert parked_threads() == [leaked]
    with assert_no_leaks():
        sleep(0)  # was there before
    leaked.kill()
    with pytest.raises(Boom), assert_no_leaks():
        raise Boom


@in_green
def test_leaks_of_descriptors() -> None:
    with assert_no_leaks():
        a, b = socket.socketpair()
        a.close()
        b.close()
    with pytest.raises(AssertionError, match="open descriptors"), assert_no_leaks():
        a, b = socket.socketpair()
    with pytest.raises(AssertionError, match="closed descriptors"), assert_no_leaks():
        assert not wait_readable(a.fileno(), 0.001)
        number = a.detach()
        os.close(number)  # behind the hub's back
    closing_fd(number)
    closing_fd(b.fileno())
    b.close()


@in_green
def test_statistics() -> None:
    before = statistics()
    assert set(before) == {"switches", "stalls", "threads", "fds", "timers", "ready"}
    thread = spawn(sleep, LONG)
    assert statistics()["threads"] == 1
    assert statistics()["ready"] == 1
    sleep(0)
    assert statistics()["timers"] == 1
    assert statistics()["switches"] > before["switches"]
    thread.kill()
