"""Helpers for tests of code that runs greenly: it switched, it did not stall, it left nothing.

Every check raises AssertionError with what was seen. Nothing here needs a test framework.
"""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, final

from ._borrowed import Side, side_of
from ._fds import Fd
from ._hub import HUBS
from ._hubs import current_hub, get_hub
from ._originals import get_ident, monotonic
from ._report import describe
from ._spawn import spawn
from ._timers import check_seconds
from ._waiting import sleep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ._threads import GreenThread


__all__ = (
    "Heartbeat",
    "Leaks",
    "aheartbeat",
    "assert_no_leaks",
    "assert_switches",
    "heartbeat",
    "parked_threads",
    "statistics",
)


@contextmanager
def assert_switches(at_least: int = 1, exactly: int | None = None) -> Iterator[None]:
    """A block in which green code must leave the CPU.

    Args:
        at_least: how often, counted over all green code of this OS thread.
        exactly: if given, that often and no more; 0 proves that a block never waits.

    Raises:
        AssertionError: if it did not. An error of the block itself is not hidden.
    """
    hub = current_hub()
    before = 0 if hub is None else hub.count_switches()
    yield
    now = current_hub()
    # The first wait on a loop starts a hub.
    seen = 0 if now is None else now.count_switches() - (before if now is hub else 0)
    if exactly is not None:
        assert seen == exactly, f"expected exactly {exactly} switches, saw {seen}"
    else:
        assert seen >= at_least, (
            f"expected at least {at_least} switches, saw {seen}: the block never let other green "
            "code run. Was the call that should wait patched, and was it made in green code?"
        )


def statistics() -> dict[str, int]:
    """Counters of this OS thread's hub: switches, stalls, threads, descriptors, timers, ready."""
    hub = current_hub()
    if hub is None:
        return dict.fromkeys(("switches", "stalls", "threads", "fds", "timers", "ready"), 0)
    return {
        "switches": hub.count_switches(),  # how often green code left the CPU and came back
        "stalls": hub.stalls,  # original blocking calls made while the loop had to stand still
        "threads": len(hub.threads),  # green threads that have not finished
        "fds": sum(isinstance(fd, Fd) for fd in hub.fds.values()),  # watched for green code
        "timers": len(hub.timers),
        "ready": len(hub.ready) + hub.count_round(),
    }


@final
class Heartbeat:
    """What :func:`heartbeat` measures: how long the loop stood still."""

    def __init__(self) -> None:
        self.beats: int = 0
        self.largest_gap: float = 0.0  # seconds beyond the period
        self._last: float = monotonic()

    def _beat(self, period: float) -> None:
        now = monotonic()
        self.largest_gap = max(self.largest_gap, now - self._last - period)
        self._last = now
        self.beats += 1

    def check(self, largest_gap: float) -> None:
        """Raise AssertionError if the loop stood still for longer than *largest_gap* seconds."""
        assert self.beats, "the heartbeat never beat: the block ended before the loop ran"
        assert self.largest_gap <= largest_gap, (
            f"the loop stood still for {self.largest_gap * 1000:.0f} ms, more than the "
            f"{largest_gap * 1000:.0f} ms allowed: something in the block blocks its thread"
        )


@contextmanager
def heartbeat(period: float = 0.005) -> Iterator[Heartbeat]:
    """Measure, in green code, the largest time in which the loop did not run.

    Args:
        period: seconds between two beats.
    """
    check_seconds(period)
    beat = Heartbeat()

    def pulse() -> None:
        while True:
            sleep(period)
            beat._beat(period)

    thread = spawn(pulse)
    thread.name = "heartbeat"
    try:
        yield beat
    finally:
        beat._beat(period)  # a block that never let the loop run shows as well
        beat.beats -= 1
        thread.kill(block=False)


@asynccontextmanager
async def aheartbeat(period: float = 0.005) -> AsyncIterator[Heartbeat]:
    """As :func:`heartbeat`, for ``async with`` in a coroutine on any loop."""
    check_seconds(period)
    beat = Heartbeat()

    async def pulse() -> None:
        while True:
            await asyncio.sleep(period)
            beat._beat(period)

    task = asyncio.ensure_future(pulse())
    try:
        yield beat
    finally:
        beat._beat(period)
        beat.beats -= 1
        task.cancel()


def parked_threads() -> list[GreenThread]:
    """The green threads of this OS thread's hub that have not finished."""
    hub = current_hub()
    return [] if hub is None else sorted(hub.threads, key=lambda thread: thread.name)


@final
class Leaks:
    """What was there when a block began, to compare with what is there when it ends."""

    def __init__(self) -> None:
        gc.collect()
        self._threads = _all_threads()
        self._fds = _open_fds()
        self._watched = _watched()

    def left(self) -> list[str]:
        """What was left behind: green threads with where they were spawned, descriptors, ..."""
        gc.collect()
        left = []
        threads = _all_threads() - self._threads
        if threads:
            left.append(f"green threads that still run: {describe(threads)}")
        fds = {fd: what for fd, what in _open_fds().items() if self._fds.get(fd) != what}
        if fds:
            left.append(f"open descriptors: {fds}")
        stale = sorted(fd for _, fd in _watched() - self._watched if not _is_open(fd))
        if stale:
            left.append(f"registrations of closed descriptors: {stale}")
        return left

    def accept(self, since: Leaks) -> None:
        """Take what has come since *since* was made for something that was there before."""
        self._threads |= _all_threads() - since._threads
        self._watched |= _watched() - since._watched
        for fd, what in _open_fds().items():
            if since._fds.get(fd) != what:
                self._fds[fd] = what

    def check(self) -> None:
        """Raise AssertionError if green threads, descriptors or registrations were left behind."""
        left = self.left()
        assert not left, "left behind: " + "; ".join(left)


def _all_threads() -> set[GreenThread]:
    own = get_ident()
    return {t for hub in HUBS if hub.ident == own and not hub.closed for t in hub.threads}


def _watched() -> set[tuple[int, int]]:
    return {(id(hub), fd) for hub in HUBS for fd in hub.fds}


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _open_fds() -> dict[int, str]:
    found = {}
    try:
        names = os.listdir("/proc/self/fd")
    except FileNotFoundError:  # no /proc: descriptors are not checked
        return {}
    for name in names:
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
    for hub in HUBS:
        for fd, record in hub.fds.items():
            if isinstance(record, Side):  # the hub's own, made when it is first needed
                found.pop(fd, None)
    return found


@contextmanager
def assert_no_leaks() -> Iterator[None]:
    """A block that must leave no green thread, open descriptor or stale registration behind.

    The hub is started before, so that its own descriptors do not count.

    Raises:
        AssertionError: naming what is left. An error of the block itself is not hidden.
    """
    side_of(get_hub())
    sleep(0)
    leaks = Leaks()
    yield
    sleep(0)
    leaks.check()
