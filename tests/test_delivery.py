"""Interrupts (kill, Timeout, a group's abort, Ctrl-C) and asyncio's own cancellation, mixed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge import GreenExit, TaskGroup, Timeout, await_, sleep, spawn

from .delivery_waits import (
    WAITS,
    cancelling,
    the_task,
)
from .delivery_waits import wait as wait
from .green import LONG, SHORT, in_green, until_parked

if TYPE_CHECKING:
    from collections.abc import Callable


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
