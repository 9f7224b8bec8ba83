"""Which Tasks are green, and how to look into them; see green-tasks.md."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from typing import TYPE_CHECKING, Any

import greenbridge

if TYPE_CHECKING:
    import pytest


def load(n: int) -> int:
    time.sleep(0.01)
    return n


# --8<-- [start:one]
@greenbridge.ensure_green
async def report(n: int) -> int:  # green wherever it is awaited, and as a Task
    return load(n)


async def one_call() -> list[int]:
    job = asyncio.create_task(greenbridge.ensure_green(plain_coroutine(2)))  # this Task
    return [await report(1), await job, await greenbridge.run_sync(load, 3)]


# --8<-- [end:one]


async def plain_coroutine(n: int) -> int:
    await asyncio.sleep(0)
    return load(n)


# --8<-- [start:loop]
async def application() -> list[int]:
    greenbridge.install()  # for all Tasks that this loop makes from here on
    try:
        return await asyncio.gather(*(plain_coroutine(n) for n in range(100)))
    finally:
        greenbridge.uninstall()


# --8<-- [end:loop]


async def in_main() -> int:
    return load(1)


if sys.version_info >= (3, 11):

    def run_main() -> int:
        # --8<-- [start:process]
        with asyncio.Runner(loop_factory=greenbridge.new_event_loop) as runner:
            return runner.run(in_main())  # the main Task is green, too
        # --8<-- [end:process]

else:

    def run_main() -> int:
        return greenbridge.run(in_main)


# --8<-- [start:out]
@greenbridge.plain
async def hot_loop(queue: asyncio.Queue[int]) -> None:
    while await queue.get():  # nothing in it blocks: a plain Task is cheaper
        pass


async def start(queue: asyncio.Queue[int]) -> None:
    greenbridge.install(plain=["aiokafka", "myapp.metrics"])  # Tasks of their coroutines
    jobs.add(asyncio.create_task(hot_loop(queue)))
    jobs.add(asyncio.create_task(greenbridge.plain(plain_coroutine(1))))  # this one only
    with greenbridge.plain_tasks():  # whatever is made in here, and by that
        await start_of_some_library()


# --8<-- [end:out]

jobs: set[asyncio.Task[object]] = set()
made: list[bool] = []


async def start_of_some_library() -> None:
    async def task() -> None:
        made.append(greenbridge.is_green())

    await asyncio.create_task(task())


# --8<-- [start:factory]
class Counting:
    """A task factory of somebody else's."""

    def __init__(self, below: Any) -> None:
        self.below = below
        self.made = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
        self.made += 1
        if self.below is None:
            return asyncio.Task(coro, loop=loop, **kwargs)
        return self.below(loop, coro, **kwargs)  # which may be greenbridge's


async def composed() -> tuple[int, int]:
    loop = asyncio.get_running_loop()
    first = Counting(None)
    loop.set_task_factory(first)
    greenbridge.install()  # calls `first` for every Task
    second = Counting(loop.get_task_factory())
    loop.set_task_factory(second)  # is called, and calls greenbridge's
    assert await asyncio.create_task(plain_coroutine(1)) == 1
    return first.made, second.made


# --8<-- [end:factory]


# --8<-- [start:stacks]
def stacks() -> str:
    out = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=out)
    return out.getvalue()


# --8<-- [end:stacks]


async def test_one_call() -> None:
    with greenbridge.patch_all():
        assert await one_call() == [1, 2, 3]


async def test_a_loop() -> None:
    with greenbridge.patch_all():
        assert await application() == list(range(100))
        assert asyncio.get_running_loop().get_task_factory() is None


def test_a_process() -> None:
    with greenbridge.patch_all():
        assert run_main() == 1


async def test_opting_out() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    made.clear()
    await start(queue)
    queue.put_nowait(0)
    assert made == [False]
    await asyncio.wait(jobs)
    jobs.clear()
    greenbridge.uninstall()


async def test_factories() -> None:
    assert await composed() == (1, 1)


async def test_the_stack_of_a_green_task_goes_down_to_the_blocking_call() -> None:
    with greenbridge.patch_all():
        greenbridge.install()
        task = asyncio.create_task(asks_for_ever())
        await asyncio.sleep(0)
        shown = stacks()
        task.cancel()
        await asyncio.wait([task])
    assert "in blocks" in shown
    assert "in asks_for_ever" in shown
    assert shown.count("/greenbridge/_") == 1  # the frame that all of them stand on


async def asks_for_ever() -> None:
    def blocks() -> None:
        time.sleep(3600)

    blocks()


async def test_it_is_known_where_a_task_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    loop = asyncio.get_running_loop()
    greenbridge.install()
    loop.set_debug(True)
    task = loop.create_task(plain_coroutine(1))
    assert "green_tasks_example.py" in repr(task)
    await task
    assert capsys.readouterr().err == ""
