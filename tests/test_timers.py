"""The heap of deadlines: due in order, few timers of the loop, nothing kept for long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from greenbridge import sleep, spawn
from greenbridge._hubs import get_hub
from greenbridge._originals import monotonic
from greenbridge._timers import NEVER, Timers
from greenbridge.testing import statistics

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable


class Item:
    """Something with a deadline that notes when it is asked."""

    def __init__(self, log: list[str], name: str, again: float = NEVER) -> None:
        self.timer_at = NEVER
        self.log = log
        self.name = name
        self.again = again

    def due(self, now: float) -> float:
        self.log.append(self.name)
        again, self.again = self.again, NEVER
        return again


async def test_items_are_asked_in_the_order_of_their_deadlines() -> None:
    timers = Timers(asyncio.get_running_loop())
    log: list[str] = []
    now = monotonic()
    for name, delay in (("c", 0.02), ("a", 0.0), ("b", 0.01)):
        timers.add(Item(log, name), now + delay)
    await asyncio.sleep(0.05)
    assert log == ["a", "b", "c"]
    assert len(timers) == 0


async def test_an_item_can_be_moved_forward_and_put_back() -> None:
    timers = Timers(asyncio.get_running_loop())
    log: list[str] = []
    now = monotonic()
    item = Item(log, "x", again=now + 0.02)
    timers.add(item, now + LONG)
    timers.add(item, now + SHORT)
    await asyncio.sleep(0.06)
    assert log == ["x", "x"]
    assert item.timer_at == NEVER


async def test_an_item_that_is_discarded_is_not_asked() -> None:
    timers = Timers(asyncio.get_running_loop())
    log: list[str] = []
    item = Item(log, "x")
    timers.add(item, monotonic() + SHORT)
    timers.discard(item)
    timers.discard(item)
    await asyncio.sleep(3 * SHORT)
    assert log == []


async def test_dead_entries_do_not_pile_up() -> None:
    timers = Timers(asyncio.get_running_loop())
    for _ in range(1000):
        item = Item([], "x")
        timers.add(item, monotonic() + LONG)
        timers.discard(item)
    assert len(timers) < 200
    timers.clear()
    assert len(timers) == 0


async def test_an_item_that_fails_does_not_hold_up_the_others() -> None:
    class Failing(Item):
        def due(self, now: float) -> float:
            raise ValueError("item")

    loop = asyncio.get_running_loop()
    errors: list[object] = []
    loop.set_exception_handler(lambda _, context: errors.append(context.get("exception")))
    timers = Timers(loop)
    log: list[str] = []
    now = monotonic()
    timers.add(Failing(log, "failing"), now)
    timers.add(Item(log, "same time"), now)
    timers.add(Item(log, "later"), now + SHORT)
    await asyncio.sleep(5 * SHORT)
    assert log == ["same time", "later"]
    assert [type(error) for error in errors] == [ValueError]


def test_many_deadlines_are_one_timer_of_the_loop(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    from .green import run_green

    calls = 0

    def factory() -> asyncio.AbstractEventLoop:
        loop = loop_factory()
        original = loop.call_later

        def call_later(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            return original(*args, **kwargs)  # type: ignore[arg-type]  # passed through

        loop.call_later = call_later  # type: ignore[method-assign,assignment]  # counts the calls
        return loop

    def main() -> None:
        threads = [spawn(sleep, LONG + i) for i in range(100)]
        sleep(0)
        for thread in threads:
            thread.kill(block=False)
        sleep(0)

    run_green(main, loop_factory=factory)
    assert calls <= 3


@in_green
def test_waits_end_in_the_order_of_their_deadlines_and_not_early() -> None:
    ends: list[float] = []

    def body(seconds: float) -> None:
        deadline = monotonic() + seconds
        sleep(seconds)
        assert monotonic() >= deadline
        ends.append(deadline)

    # So far apart that no pause between the two looks at the clock changes their order.
    delays = [i / 200 for i in (7, 3, 9, 1, 5, 20, 11)]
    for thread in [spawn(body, delay) for delay in delays]:
        thread.get()
    assert ends == sorted(ends)


@in_green
def test_one_wait_after_another_keeps_one_entry() -> None:
    def body() -> None:
        for _ in range(300):
            sleep(0.0001)

    spawn(body).get()
    assert statistics()["timers"] < 10
    assert len(get_hub().timers) < 10
