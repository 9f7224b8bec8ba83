"""Interrupts (kill, Timeout, a group's abort, Ctrl-C) and asyncio's own cancellation, mixed."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import greenbridge
from greenbridge import GreenExit, TaskGroup, Timeout, await_, run_sync, sleep, spawn, spawn_later
from greenbridge._hubs import current_hub

from .green import LONG, SHORT, in_green, until_parked, until_waiting

if TYPE_CHECKING:
    from collections.abc import Callable

needs_counting = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="cancellations are counted since 3.11"
)


def cancelling(task: Any = None) -> int:
    """How many cancellations of the Task are outstanding."""
    if sys.version_info < (3, 11):
        return 0
    task = task or asyncio.current_task()
    return int(task.cancelling())


async def in_asyncio_group() -> None:
    if sys.version_info < (3, 11):
        await asyncio.sleep(LONG)
        return
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(LONG))
        await asyncio.sleep(LONG)


async def in_anyio_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, LONG)
        await anyio.sleep(LONG)


async def in_sync_code() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, LONG)
        sleep(LONG)  # green code below a coroutine


WAITS = [in_asyncio_group, in_anyio_group, in_sync_code]


@pytest.fixture(params=WAITS, ids=lambda wait: wait.__name__)
def wait(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """A coroutine function that waits under a task group, which must not wrap what ends it."""
    found: Callable[[], Any] = request.param
    return found


async def the_task() -> Any:
    return asyncio.current_task()


# -- what asyncio's code sees ------------------------------------------------------------------


@in_green
def test_a_kill_goes_through_task_groups_as_a_cancellation(wait: Callable[[], Any]) -> None:
    thread = spawn(lambda: await_(wait()))
    until_parked(thread)
    thread.kill()
    assert thread.successful()
    assert isinstance(thread.value, GreenExit)


@in_green
def test_a_timeout_goes_through_task_groups_as_a_cancellation(wait: Callable[[], Any]) -> None:
    def body() -> int:
        with pytest.raises(Timeout) as caught, Timeout(SHORT) as limit:
            await_(wait())
        assert caught.value is limit
        with Timeout(SHORT, False):
            await_(wait())
        with pytest.raises(ZeroDivisionError), Timeout(SHORT, ZeroDivisionError):
            await_(wait())
        return cancelling(await_(the_task()))

    assert spawn(body).get() == 0
    assert body() == 0  # in the program's root


@pytest.mark.green_tasks
@pytest.mark.parametrize("wait", WAITS)
async def test_a_timeout_in_a_coroutine_is_raised_at_the_end_of_its_block(
    wait: Callable[[], Any],
) -> None:
    with pytest.raises(Timeout) as caught, Timeout(SHORT) as limit:
        await wait()
    assert caught.value is limit
    assert cancelling() == 0
    with Timeout(SHORT, False):
        await wait()
    with pytest.raises(ZeroDivisionError), Timeout(SHORT, ZeroDivisionError):
        await wait()
    assert cancelling() == 0
    await asyncio.sleep(0)


@pytest.mark.green_tasks
async def test_a_timeout_without_a_block_is_raised_as_it_is() -> None:
    async def plain() -> None:
        await asyncio.sleep(LONG)

    async def green() -> None:
        sleep(LONG)

    for body in plain, green:
        limit = Timeout.start_new(SHORT)
        with pytest.raises(Timeout) as caught:
            try:
                await body()
            finally:
                limit.close()
        assert caught.value is limit
        assert cancelling() == 0
    await asyncio.sleep(0)


@in_green
def test_sync_code_under_no_coroutine_sees_the_interrupt_itself() -> None:
    seen: list[BaseException] = []

    def body(promoted: bool) -> None:
        if promoted:
            await_(asyncio.sleep(0))
        try:
            with Timeout(SHORT):
                try:
                    sleep(LONG)
                except BaseException as exc:
                    seen.append(exc)
                    raise
        except Timeout:
            pass
        try:
            sleep(LONG)
        except BaseException as exc:
            seen.append(exc)
            raise

    for promoted in False, True:
        thread = spawn(body, promoted)
        while not seen:
            sleep(SHORT)
        until_parked(thread)
        thread.kill()
        assert [type(exc) for exc in seen] == [Timeout, GreenExit]
        seen.clear()


@in_green
def test_coroutines_see_cancelled_error_and_the_code_that_awaits_them_the_kill() -> None:
    seen: list[tuple[str, str]] = []

    def note(where: str, exc: BaseException) -> None:
        seen.append((where, type(exc).__name__))

    async def inner() -> None:
        try:
            sleep(LONG)
        except BaseException as exc:
            note("sync code below inner", exc)
            raise

    def between() -> None:
        try:
            await_(inner())
        except BaseException as exc:
            note("sync code below outer", exc)
            raise

    async def outer() -> None:
        try:
            between()
        except BaseException as exc:
            note("outer", exc)
            raise

    def body() -> None:
        try:
            await_(outer())
        except BaseException as exc:
            note("the thread", exc)
            raise

    thread = spawn(body)
    until_parked(thread)
    thread.kill()
    assert seen == [
        ("sync code below inner", "CancelledError"),
        ("sync code below outer", "CancelledError"),
        ("outer", "CancelledError"),
        ("the thread", "GreenletExit"),
    ]


@in_green
def test_an_awaited_future_is_cancelled_and_the_thread_killed() -> None:
    future = await_(make_future())
    thread = spawn(await_, future)
    until_parked(thread)
    thread.kill()
    assert future.cancelled()
    assert isinstance(thread.value, GreenExit)


async def make_future() -> asyncio.Future[int]:
    return asyncio.get_running_loop().create_future()


@in_green
def test_what_is_thrown_into_a_coroutine_is_no_context_of_what_it_raises_later() -> None:
    async def coroutine() -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            pass
        await asyncio.sleep(0)
        raise ZeroDivisionError

    thread = spawn(await_, coroutine())
    until_parked(thread)
    thread.kill()
    assert isinstance(thread.exception, ZeroDivisionError)
    assert thread.exception.__context__ is None


# -- a greenbridge.TaskGroup in and around coroutines ------------------------------------------


def fail() -> None:
    sleep(SHORT)
    raise ZeroDivisionError


@pytest.mark.green_tasks
@pytest.mark.parametrize("wait", WAITS)
async def test_a_group_of_threads_cancels_the_coroutine_that_is_its_body(
    wait: Callable[[], Any],
) -> None:
    with pytest.raises(BaseException) as caught, TaskGroup() as group:
        group.spawn(fail)
        await wait()
    assert caught.group_contains(ZeroDivisionError, depth=1)
    assert len(caught.value.exceptions) == 1  # type: ignore[attr-defined]
    assert cancelling() == 0
    await asyncio.sleep(0)


@in_green
def test_a_group_of_threads_cancels_what_its_body_awaits(wait: Callable[[], Any]) -> None:
    def body() -> int:
        with pytest.raises(BaseException) as caught, TaskGroup() as group:
            group.spawn(fail)
            await_(wait())
        assert caught.group_contains(ZeroDivisionError, depth=1)
        assert len(caught.value.exceptions) == 1  # type: ignore[attr-defined]
        return cancelling(await_(the_task()))

    assert spawn(body).get() == 0


# -- several at once ---------------------------------------------------------------------------

ENDS = (asyncio.CancelledError, GreenExit, Timeout)


def collect(log: list[str], waits: list[Callable[[float], object]]) -> None:
    """Wait, again and again, and note what each wait ends with."""
    for wait in waits:
        try:
            wait(LONG)
        except ENDS as exc:
            log.append(type(exc).__name__)
        else:
            log.append("nothing")


def awaits(seconds: float) -> None:
    await_(asyncio.sleep(seconds))


@needs_counting
@in_green
@pytest.mark.parametrize("first", ["kill", "cancel"])
@pytest.mark.parametrize("waits", [[awaits, sleep], [sleep, awaits], [awaits] * 2, [sleep] * 2])
def test_a_kill_and_a_cancellation_at_the_same_time_are_both_raised(
    first: str, waits: list[Callable[[float], object]]
) -> None:
    log: list[str] = []

    def body() -> None:
        tasks.append(await_(the_task()))
        collect(log, [*waits, lambda _: awaits(0), lambda _: sleep(0)])

    tasks: list[Any] = []
    thread = spawn(body)
    until_parked(thread)
    (task,) = tasks
    if first == "kill":
        thread.kill(block=False)
        task.cancel()
    else:
        task.cancel()
        thread.kill(block=False)
    thread.get()
    assert sorted(log[:2]) == ["CancelledError", "GreenletExit"]
    assert log[2:] == ["nothing"] * 2
    assert task.cancelling() == 1  # the one that nobody has taken back


@in_green
def test_two_kills_are_raised_one_after_the_other() -> None:
    class First(BaseException):
        pass

    def body() -> list[str]:
        log = []
        for _ in range(2):
            try:
                await_(asyncio.sleep(LONG))
            except (First, GreenExit) as exc:
                log.append(type(exc).__name__)
        await_(asyncio.sleep(0))
        return log

    thread = spawn(body)
    until_parked(thread)
    thread.kill(First, block=False)
    thread.kill(block=False)
    assert thread.get() == ["First", "GreenletExit"]


@in_green
def test_a_second_kill_comes_while_the_first_is_cleaned_up() -> None:
    log: list[str] = []

    async def cleans_up() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            try:
                await asyncio.sleep(LONG)
            except asyncio.CancelledError:
                log.append("the cleaning up was cancelled")
                raise

    def body() -> None:
        try:
            await_(cleans_up())
        except GreenExit:
            log.append("killed")
        try:
            sleep(LONG)
        except GreenExit:
            log.append("killed again")
        sleep(0)

    thread = spawn(body)
    until_parked(thread)
    thread.kill(block=False)
    sleep(0)
    until_parked(thread)
    thread.kill(block=False)
    thread.get()
    assert log == ["the cleaning up was cancelled", "killed", "killed again"]


@needs_counting
@pytest.mark.green_tasks
async def test_a_timeout_that_meets_a_cancellation_lets_it_through() -> None:
    async def body() -> None:
        with Timeout(LONG) as limit:
            limits.append(limit)
            await asyncio.sleep(LONG)

    limits: list[Any] = []
    task = asyncio.create_task(body())
    await until_waiting(task)
    limits[0]._when = 0
    limits[0].due(1)  # its time is over
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelling(task) == 1


@needs_counting
@pytest.mark.green_tasks
async def test_nested_timeouts_that_fire_at_once_end_as_the_outer_one() -> None:
    waits: list[Callable[[], Any]]
    waits = [lambda: asyncio.sleep(LONG), lambda: run_sync(sleep, LONG), in_sync_code]
    for wait in waits:
        with pytest.raises(Timeout) as caught, Timeout(SHORT) as outer, Timeout(SHORT, False):
            await wait()
        # The inner one had been cancelled by the outer one as well; so it let it pass.
        assert caught.value is outer
        assert cancelling() == 0
        await asyncio.sleep(0)


# -- swallowed, and late -----------------------------------------------------------------------


@needs_counting
@in_green
def test_a_kill_that_a_coroutine_swallows_is_gone_and_still_counted() -> None:
    async def swallows() -> int:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            pass
        await asyncio.sleep(0)
        return cancelling()

    async def swallows_and_says_so() -> int:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            (await the_task()).uncancel()
        return cancelling()

    def body() -> list[int]:
        counts = [await_(swallows()), cancelling(await_(the_task()))]
        counts.append(await_(swallows_and_says_so()))
        sleep(0)
        return counts

    thread = spawn(body)
    for _ in range(2):
        until_parked(thread)
        thread.kill(block=False)
        sleep(SHORT)
    assert thread.get() == [1, 1, 1]


@in_green
def test_a_kill_that_only_an_awaited_task_swallows_comes_at_the_next_wait() -> None:
    async def swallows() -> str:
        begun.append(True)
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            pass
        return "result"

    async def task_of(coro: Any) -> Any:
        return asyncio.ensure_future(coro)

    def body() -> tuple[str, str, int]:
        value = await_(await_(task_of(swallows())))
        try:
            sleep(LONG)
        except GreenExit:
            return value, "killed", cancelling(await_(the_task()))
        return value, "", 0

    begun: list[bool] = []
    thread = spawn(body)
    while not begun:
        sleep(0)
    until_parked(thread)
    thread.kill(block=False)
    assert thread.get() == ("result", "killed", 0)


@needs_counting
@pytest.mark.green_tasks
async def test_what_comes_with_the_wake_of_a_sync_wait_is_raised_at_the_next_await() -> None:
    event = greenbridge.Event()

    async def body() -> str:
        with Timeout(LONG) as limit:
            limits.append(limit)
            event.wait()
            log.append("woken")
            await asyncio.sleep(LONG)
        return "not reached"

    async def leaves_at_once() -> str:
        with Timeout(LONG) as limit:
            limits.append(limit)
            event.wait()
        await asyncio.sleep(0)
        sleep(0)
        assert cancelling() == 0
        return "left"

    log: list[str] = []
    for coro in body, leaves_at_once:
        event.clear()
        limits: list[Any] = []
        task = asyncio.create_task(coro())
        await until_waiting(task)
        event.set()
        limits[0]._when = 0
        limits[0].due(1)
        if coro is body:
            with pytest.raises(Timeout):
                await task
        else:
            assert await task == "left"
    assert log == ["woken"]


@in_green
def test_finally_blocks_may_wait_and_await_in_threads_and_coroutines() -> None:
    log: list[str] = []

    async def coroutine() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            await asyncio.sleep(SHORT)
            sleep(SHORT)
            log.append("coroutine")

    def body() -> None:
        try:
            await_(coroutine())
        finally:
            sleep(SHORT)
            await_(asyncio.sleep(SHORT))
            log.append("thread")

    thread = spawn(body)
    until_parked(thread)
    thread.kill()
    assert log == ["coroutine", "thread"]
    assert isinstance(thread.value, GreenExit)


@in_green
def test_an_interrupt_for_the_program_cancels_what_it_awaits() -> None:
    seen: list[str] = []

    async def coroutine() -> None:
        try:
            await asyncio.sleep(LONG)
        except BaseException as exc:
            seen.append(type(exc).__name__)
            raise

    hub: Any = current_hub()
    spawn(hub.root.interrupt, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await_(coroutine())  # comes before the coroutine has begun
    assert seen == []
    spawn_later(SHORT, hub.root.interrupt, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await_(coroutine())
    assert seen == ["CancelledError"]
    sleep(0)
    await_(asyncio.sleep(0))
