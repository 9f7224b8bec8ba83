"""Green tasks: sync code in an ``async def`` parks its Task, and asyncio does not notice."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import greenbridge
from greenbridge import LoopMismatchError, Timeout, run_sync, sleep, spawn
from greenbridge.testing import assert_switches

from .green import LONG, SHORT

if TYPE_CHECKING:
    from collections.abc import Callable

    Factory = Callable[[], asyncio.AbstractEventLoop]


class Boom(Exception):
    pass


async def sleeper(seconds: float = SHORT) -> str:
    with assert_switches():
        sleep(seconds)
    return "slept"


async def beats(count: int) -> int:
    for _ in range(count):
        await asyncio.sleep(0)
    return count


# -- install -----------------------------------------------------------------------------------


async def test_install_makes_new_tasks_green_and_uninstall_plain_ones() -> None:
    assert not greenbridge.is_green()
    greenbridge.install()
    greenbridge.install()
    beat = asyncio.create_task(beats(5))
    assert await asyncio.create_task(sleeper()) == "slept"
    assert beat.done()
    greenbridge.uninstall()
    assert asyncio.get_running_loop().get_task_factory() is None
    with pytest.raises(AssertionError, match="at least 1"):
        await asyncio.create_task(sleeper())
    greenbridge.uninstall()


async def test_install_keeps_the_factory_that_was_there_and_its_arguments() -> None:
    seen: list[Any] = []

    def factory(loop: Any, coro: Any, **kwargs: Any) -> Any:
        seen.append(coro)
        return asyncio.Task(coro, loop=loop, **kwargs)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    greenbridge.install(loop)
    task = loop.create_task(sleeper(), name="named")
    assert task.get_name() == "named"
    assert await task == "slept"
    assert len(seen) == 1
    greenbridge.uninstall(loop)
    assert loop.get_task_factory() is factory


def test_install_refuses_what_is_no_open_loop() -> None:
    for call in (greenbridge.install, greenbridge.uninstall):
        with pytest.raises(LoopMismatchError, match="no event loop runs"):
            call()
        with pytest.raises(TypeError):
            call("loop")  # type: ignore[arg-type]
        loop = asyncio.new_event_loop()
        loop.close()
        with pytest.raises(LoopMismatchError, match="closed"):
            call(loop)


def test_the_loop_factory_works_with_a_runner() -> None:
    loop = greenbridge.new_event_loop()
    try:
        assert loop.run_until_complete(sleeper()) == "slept"
    finally:
        loop.close()
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=greenbridge.new_event_loop) as runner:
            assert runner.run(sleeper()) == "slept"
            assert runner.run(sleeper()) == "slept"


async def test_eager_tasks_are_green_from_their_first_step() -> None:
    if sys.version_info < (3, 12):
        pytest.skip("eager tasks are new in 3.12")
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    greenbridge.install(loop)
    order: list[str] = []

    async def eager(name: str) -> str:
        order.append(name)
        sleep(SHORT)
        task: Any = asyncio.current_task()
        assert task.get_name() == name
        return name

    async def creates() -> None:
        first = asyncio.create_task(eager("first"), name="first")
        order.append("created")
        assert await first == "first"

    await asyncio.create_task(creates())
    assert order == ["first", "created"]

    async def done_at_once() -> int:
        return 1

    assert asyncio.create_task(done_at_once()).done()
    assert await asyncio.create_task(eager("x"), name="x") == "x"


# -- what asyncio sees -------------------------------------------------------------------------


@pytest.mark.green_tasks
async def test_a_parked_task_is_pending_with_its_users_stack() -> None:
    async def parked_here() -> None:
        sleep(LONG)

    task = asyncio.create_task(parked_here())
    await asyncio.sleep(SHORT)
    assert task in asyncio.all_tasks()
    assert not task.done()
    assert "parked_here" in repr(task)
    assert task.get_stack()[-1].f_code.co_name == "parked_here"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.green_tasks
async def test_tasks_that_park_do_not_hold_up_each_other_or_plain_waits() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    results = await asyncio.gather(*[sleeper(0.05) for _ in range(50)], beats(100))
    assert results == ["slept"] * 50 + [100]
    assert loop.time() - before < 1


@pytest.mark.green_tasks
async def test_current_task_is_right_after_every_switch() -> None:
    async def check(i: int) -> None:
        mine = asyncio.current_task()
        for _ in range(10):
            sleep(0)
            assert asyncio.current_task() is mine
            await asyncio.sleep(0)
            assert asyncio.current_task() is mine
            sleep(SHORT / 10)
            assert asyncio.current_task() is mine

    await asyncio.gather(*map(check, range(20)))


@pytest.mark.green_tasks
async def test_cancel_reaches_the_sync_wait_and_its_finally_may_wait() -> None:
    log: list[str] = []

    async def body() -> None:
        try:
            sleep(LONG)
        except asyncio.CancelledError:
            log.append("cancelled")
            sleep(SHORT)
            log.append("cleaned up")
            raise

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["cancelled", "cleaned up"]


@pytest.mark.green_tasks
async def test_a_task_that_is_cancelled_before_its_first_step_never_starts() -> None:
    started: list[int] = []

    async def body() -> None:
        started.append(1)

    task = asyncio.create_task(body())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert started == []


@pytest.mark.green_tasks
async def test_groups_and_scopes_cut_sync_waits() -> None:
    async def fails() -> None:
        await asyncio.sleep(SHORT)
        raise Boom

    if sys.version_info >= (3, 11):
        with pytest.raises(BaseException) as caught:  # the group is the subject
            async with asyncio.TaskGroup() as group:
                waits = group.create_task(sleeper(LONG))
                group.create_task(fails())
        assert caught.group_contains(Boom)  # type: ignore[attr-defined]
        assert waits.cancelled()
    with anyio.move_on_after(SHORT) as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleeper, LONG)
    assert scope.cancelled_caught


@pytest.mark.green_tasks
async def test_a_gevent_timeout_cuts_an_ordinary_await() -> None:
    with pytest.raises(Timeout), Timeout(SHORT):
        await asyncio.sleep(LONG)
    task: Any = asyncio.current_task()
    if sys.version_info >= (3, 11):
        assert task.cancelling() == 0
    await asyncio.sleep(0)
    with Timeout(SHORT, False):
        await asyncio.create_task(sleeper(LONG))
    sleep(0)


@pytest.mark.green_tasks
async def test_debug_mode_works() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    assert await asyncio.create_task(sleeper()) == "slept"
    assert await run_sync(lambda: greenbridge.await_(sleeper())) == "slept"
    assert await spawn(greenbridge.await_, sleeper()) == "slept"


@pytest.mark.green_tasks
async def test_async_generators_and_context_managers_pass_through() -> None:
    async def numbers() -> Any:
        for i in range(3):
            sleep(0)
            await asyncio.sleep(0)
            yield i

    async def body() -> list[int]:
        return [i async for i in numbers()]

    assert await asyncio.create_task(body()) == [0, 1, 2]


@pytest.mark.green_tasks
async def test_tasks_are_freed_when_they_end() -> None:
    class Thing:
        pass

    async def body(thing: Thing) -> None:
        sleep(0)
        await asyncio.sleep(0)

    thing = Thing()
    ref = weakref.ref(thing)
    await asyncio.create_task(body(thing))
    del thing
    gc.collect()
    assert ref() is None


@pytest.mark.green_tasks
async def test_a_pending_task_that_nobody_can_wake_is_collected_as_a_plain_one_is() -> None:
    log: list[str] = []
    reports: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context["message"]))

    async def body() -> None:
        try:
            await asyncio.sleep(0)
            await loop.create_future()
        finally:
            log.append("finally")

    task = asyncio.create_task(body())
    await asyncio.sleep(SHORT)
    del task
    gc.collect()
    await asyncio.sleep(0)
    assert reports == ["Task was destroyed but it is pending!"]
    assert log == ["finally"]


# -- what is left behind -----------------------------------------------------------------------


@pytest.mark.green_tasks
async def test_an_error_that_leaves_a_task_is_in_no_cycle() -> None:
    """Else it, its frames and all that those hold would wait for the garbage collector."""

    async def fail() -> None:
        raise Boom

    async def fail_later() -> None:
        await asyncio.sleep(0)
        raise Boom

    async def fail_when_cancelled() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            raise Boom

    async def fail_in_sync_code() -> None:
        try:
            sleep(LONG)
        finally:
            raise Boom

    gc.collect()
    gc.disable()
    try:
        for coroutine in (fail, fail_later, fail_when_cancelled, fail_in_sync_code):
            task = asyncio.create_task(coroutine())
            await asyncio.sleep(SHORT)
            task.cancel()
            await asyncio.wait([task])
            gone = weakref.ref(task.exception())
            del task
            await asyncio.sleep(0)
            assert gone() is None, coroutine.__name__
    finally:
        gc.enable()


@pytest.mark.green_tasks
async def test_a_task_that_ends_leaves_no_garbage() -> None:
    async def cancelled() -> None:
        await asyncio.sleep(LONG)

    async def both() -> None:
        await asyncio.create_task(beats(3))
        task = asyncio.create_task(cancelled())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    await asyncio.create_task(both())
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await asyncio.create_task(both())
        gc.collect()
        # Not what other tests have left: only what Tasks are made of.
        kinds = (asyncio.Future, BaseException, Coroutine)
        assert [repr(item) for item in gc.garbage if isinstance(item, kinds)] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
