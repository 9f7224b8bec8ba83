"""Greenlets of other libraries around event loops that run inside green threads.

SQLAlchemy and awaitlet call sync code of a coroutine in a greenlet. Playwright runs a loop in one
and has the program go on in the greenlet that made it, from a callback of that loop.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import events
from typing import TYPE_CHECKING, Any

import pytest
from greenlet import getcurrent, greenlet

import greenbridge
from greenbridge import await_, spawn

from .fresh import in_fresh_python
from .green import SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from typing_extensions import Self

    from .conftest import FreshPython


class Beside:
    """A green thread that looks what asyncio has in its OS thread, and runs loops of its own."""

    def __init__(self) -> None:
        self.loops = 0
        self.thread = spawn(self._run)

    def _run(self) -> None:
        while True:
            greenbridge.sleep(0)
            assert events._get_running_loop() is None
            assert asyncio.run(asyncio.sleep(0, 1)) == 1  # refused where a foreign one is seen
            self.loops += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if not self.thread.ready():
            assert self.loops
            self.thread.kill()
        assert self.thread.exception is None


def sync_part() -> int:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    time.sleep(SHORT)
    assert asyncio.get_running_loop() is loop
    assert asyncio.current_task() is task
    hub_loop = await_(which_loop())
    assert hub_loop is not loop
    assert asyncio.get_running_loop() is loop
    assert asyncio.current_task() is task
    time.sleep(0)
    return 1


async def which_loop() -> Any:
    assert asyncio.current_task() is not None
    await asyncio.sleep(SHORT)
    assert asyncio.current_task() is not None
    return asyncio.get_running_loop()


async def in_a_greenlet() -> int:
    beside = asyncio.ensure_future(asyncio.sleep(SHORT / 2))
    result = greenlet(sync_part).switch()
    await beside
    return int(result)


def has_a_task(body: Callable[[], int]) -> int:
    await_(asyncio.sleep(0))
    assert body() == 1
    await_(asyncio.sleep(0))  # its Task is in order again
    time.sleep(SHORT)
    return body()


def nested() -> int:
    loop = asyncio.SelectorEventLoop()
    try:
        return loop.run_until_complete(in_a_greenlet())
    finally:
        loop.close()


class Fiber:
    """A loop in a greenlet: the program goes on beside it, while its callback has not returned."""

    def __init__(self) -> None:
        self.loop = asyncio.SelectorEventLoop()
        self.end = self.loop.create_future()
        self.fiber = greenlet(lambda: self.loop.run_until_complete(self.end))

    def call(self, coro: Coroutine[Any, Any, Any]) -> Any:
        me: Any = getcurrent()
        task = self.loop.create_task(coro)
        task.add_done_callback(lambda _: me.switch())
        while not task.done():
            self.fiber.switch()
        events._set_running_loop(self.loop)  # Playwright does, in the program's own code
        return task.result()

    def close(self) -> None:
        self.end.set_result(None)
        self.fiber.switch()
        assert self.fiber.dead
        self.loop.close()


def with_a_fiber() -> int:
    fiber = Fiber()
    for n in range(3):
        assert fiber.call(asyncio.sleep(SHORT, n)) == n
        time.sleep(SHORT)
        assert await_(which_loop()) is not fiber.loop
    fiber.close()
    assert events._get_running_loop() is None
    time.sleep(SHORT)
    return 1


PLACES = {
    "thread": lambda body: spawn(body).get(),
    "thread with a Task": lambda body: spawn(has_a_task, body).get(),
    "program": lambda body: body(),
    "program with a Task": has_a_task,
}


def run_case(place: str, body: Callable[[], int]) -> None:
    greenbridge.patch_all()
    with Beside():
        for _ in range(3):
            assert PLACES[place](body) == 1


# What follows a call of Fiber's in the program itself is inside a loop that is not the hub's, and
# cannot wait.
CASES = [(place, "nested") for place in PLACES] + [
    (place, "with_a_fiber") for place in PLACES if place.startswith("thread")
]


@pytest.mark.parametrize(("place", "body"), CASES)
def test_what_waits_in_them_takes_its_loop_along(
    place: str, body: str, fresh_python: FreshPython
) -> None:
    fresh_python(
        "import sys\nfrom tests import test_nested_greenlets as t\n"
        "t.run_case(sys.argv[1], getattr(t, sys.argv[2]))",
        place,
        body,
    )


@in_fresh_python
def test_a_loop_in_a_greenlet_of_the_program_lets_green_threads_run() -> None:
    greenbridge.patch_all()
    with Beside() as beside:

        async def until_others_ran() -> None:
            before = beside.loops
            while beside.loops == before:  # noqa: ASYNC110  # nobody could tell
                await asyncio.sleep(SHORT)

        fiber = Fiber()
        for _ in range(3):
            fiber.call(until_others_ran())
        fiber.close()
        time.sleep(SHORT)
