"""Who may run in one round of the hub: what is ready, and a few of those that are woken in it."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge import Event, SwitchForbiddenError, joinall, no_switch, sleep, spawn
from greenbridge._delivery import WOKEN
from greenbridge._hub import _ROUND_STEP
from greenbridge._hubs import get_hub
from greenbridge._portal import current_owner, make_waiter

from .green import LONG, SHORT, in_green, until_parked

if TYPE_CHECKING:
    from collections.abc import Callable

#: How often two threads hand over to each other.
TIMES = 200


class Ticks:
    """Counts the iterations of the loop."""

    def __init__(self) -> None:
        self.count = 0
        self.stopped = False
        self._tick()

    def _tick(self) -> None:
        self.count += 1
        if not self.stopped:
            get_hub().loop.call_soon(self._tick)


def to_and_fro(work: Callable[[], object] = int) -> int:
    """Let two threads wake each other; gives how often the loop had its turn meanwhile."""
    there, back = Event(), Event()

    def answer() -> None:
        for _ in range(TIMES):
            there.wait()
            there.clear()
            work()
            back.set()

    answering = spawn(answer)
    ticks = Ticks()
    for _ in range(TIMES):
        there.set()
        back.wait()
        back.clear()
    ticks.stopped = True
    answering.get(timeout=LONG)
    return ticks.count


@in_green
def test_threads_that_wake_each_other_share_rounds_but_do_not_starve_the_loop() -> None:
    turns: Any = spawn(to_and_fro).get(timeout=LONG)
    hand_overs = 2 * TIMES
    assert hand_overs / (_ROUND_STEP + 1) <= turns <= hand_overs / 4


@in_green
def test_where_they_compute_for_long_fewer_share_a_round() -> None:
    def work() -> None:
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass

    turns: Any = spawn(to_and_fro, work).get(timeout=LONG)
    assert get_hub().step < _ROUND_STEP
    assert turns > TIMES / 5


@in_green
def test_sleep0_always_gives_way_to_the_loop() -> None:
    def body() -> int:
        ticks = Ticks()
        for _ in range(TIMES):
            sleep(0)
        ticks.stopped = True
        return ticks.count

    turns: Any = spawn(body).get(timeout=LONG)
    assert turns >= TIMES


@in_green
def test_a_round_goes_on_after_a_thread_that_was_woken_may_not_switch() -> None:
    seen: list[int] = []

    def body() -> None:
        owner = current_owner()
        for n in range(3):
            waiter = make_waiter(owner)
            waiter.finish(WOKEN)
            with no_switch(), pytest.raises(SwitchForbiddenError):
                waiter.park()
            seen.append(n)
            Event().wait(0.001)

    spawn(body).get(timeout=LONG)
    assert seen == [0, 1, 2]


@in_green
def test_a_finalizer_may_wake_somebody_just_before_the_hub_has_its_turn() -> None:
    """The collector runs between two instructions: also when the hub is chosen, and not there."""
    hub = get_hub()
    event = Event()
    woken: list[int] = []

    def waits() -> None:
        event.wait()
        sleep(0)  # leaves the CPU again, to whom?
        woken.append(1)

    class Collected(deque[Any]):
        def popleft(self) -> Any:
            first = super().popleft()
            if first is hub.greenlet and hub.more and all_wait():
                event.set()  # as a finalizer does
            return first

    def all_wait() -> bool:
        return bool(others) and all(thread.waiter is not None for thread in others)

    def put(queue: deque[Any]) -> None:
        hub.round = queue

    others: list[Any] = []
    waiting = spawn(waits)
    sleep(0)
    hub.loop.call_soon(put, Collected())  # between two rounds: then it is empty
    sleep(SHORT)
    assert isinstance(hub.round, Collected)
    others += [spawn(sleep, SHORT) for _ in range(3)]
    joinall([waiting, *others], timeout=LONG)
    hub.loop.call_soon(put, deque())
    sleep(SHORT)
    assert woken == [1]


def logs_when_set(event: Event, log: list[str]) -> Any:
    """A green thread that waits for *event* now, and says in *log* that it was woken."""

    def waits() -> None:
        event.wait()
        log.append("woken")

    waiting = spawn(waits)
    until_parked(waiting)
    return waiting


@in_green
def test_who_is_woken_from_another_os_thread_runs_in_the_same_pass_of_the_loop() -> None:
    event, log = Event(), list[str]()
    waiting = logs_when_set(event, log)

    def elsewhere() -> None:
        event.set()
        loop.call_soon_threadsafe(log.append, "after it")

    loop = get_hub().loop
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()  # for real, so the loop sees both at once
    waiting.get(timeout=LONG)
    sleep(0)
    assert log == ["woken", "after it"]


@in_green
def test_who_is_woken_from_another_os_thread_stands_behind_those_that_are_ready() -> None:
    event, log = Event(), list[str]()
    waiting = logs_when_set(event, log)
    ready = spawn(log.append, "ready")
    thread = threading.Thread(target=event.set)
    thread.start()
    thread.join()
    joinall([waiting, ready], timeout=LONG)
    assert log == ["ready", "woken"]
