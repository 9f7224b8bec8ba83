"""``TaskGroup``: a block that ends when all that it started has ended."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

import greenbridge
from greenbridge import GreenExit, NoPortalError, TaskGroup, Timeout, await_, sleep, spawn
from greenbridge.testing import statistics

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


class Boom(Exception):
    pass


def fail(error: BaseException | None = None, seconds: float = 0) -> None:
    sleep(seconds)
    raise error or Boom("child")


def everywhere(body: Callable[[], None]) -> Callable[..., None]:
    """Run *body* in the root, a green thread, one with a Task, and a green task."""

    def promoted() -> None:
        await_(asyncio.sleep(0))
        body()

    async def task() -> None:
        body()

    @in_green
    def test() -> None:
        body()
        spawn(body).get()
        spawn(promoted).get()
        await_(task())
        assert statistics()["threads"] == 0

    test.__name__ = body.__name__
    return test


@everywhere
def test_the_block_ends_when_the_children_have_ended() -> None:
    done: list[int] = []

    def child(i: int) -> None:
        for _ in range(i * 10):
            sleep(0)
        done.append(i)

    with TaskGroup() as group:
        threads = [group.spawn(child, i) for i in range(5)]
    assert done == [0, 1, 2, 3, 4]
    assert all(thread.ready() for thread in threads)


@everywhere
def test_children_may_start_siblings() -> None:
    done: list[str] = []

    def child() -> None:
        sleep(SHORT)
        group.spawn(done.append, "sibling")

    with TaskGroup() as group:
        group.spawn(child)
    assert done == ["sibling"]


@everywhere
def test_an_error_of_a_child_interrupts_the_body_and_the_siblings() -> None:
    log: list[str] = []

    def sibling() -> None:
        try:
            sleep(LONG)
        finally:
            sleep(0)
            log.append("sibling")

    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        group.spawn(sibling)
        group.spawn(fail)
        try:
            sleep(LONG)
        finally:
            log.append("body")
    (error,) = caught.value.exceptions
    assert isinstance(error, Boom)
    assert sorted(log) == ["body", "sibling"]
    sleep(0)
    await_(asyncio.sleep(0))


@everywhere
def test_an_error_of_a_child_interrupts_an_await() -> None:
    with pytest.raises(ExceptionGroup), TaskGroup() as group:
        group.spawn(fail, None, SHORT)
        await_(asyncio.sleep(LONG))
    await_(asyncio.sleep(0))


@everywhere
def test_an_error_of_the_body_kills_the_children_and_is_in_the_group() -> None:
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        child = group.spawn(sleep, LONG)
        sleep(0)
        raise Boom("body")
    assert isinstance(child.value, GreenExit)
    assert [str(error) for error in caught.value.exceptions] == ["body"]


@everywhere
def test_all_errors_are_in_the_group() -> None:
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        for i in range(3):
            group.spawn(fail, Boom(str(i)))
    assert sorted(str(error) for error in caught.value.exceptions) == ["0", "1", "2"]


@everywhere
def test_a_timeout_of_the_body_takes_the_children_along() -> None:
    with pytest.raises(Timeout), Timeout(SHORT), TaskGroup() as group:
        child = group.spawn(sleep, LONG)
        sleep(LONG)
    assert child.ready()
    with pytest.raises(Timeout), Timeout(SHORT), TaskGroup() as group:
        child = group.spawn(sleep, LONG)
    assert child.ready()


@in_green
def test_a_killed_body_takes_the_children_along() -> None:
    children: list[greenbridge.GreenThread] = []

    def body() -> None:
        with TaskGroup() as group:
            children.append(group.spawn(sleep, LONG))

    thread = spawn(body)
    sleep(SHORT)
    thread.kill()
    assert isinstance(thread.value, GreenExit)
    assert children[0].ready()


@in_green
async def test_a_cancelled_task_takes_the_children_along() -> None:
    children: list[greenbridge.GreenThread] = []

    async def body() -> None:
        with TaskGroup() as group:
            children.append(group.spawn(sleep, LONG))
            sleep(LONG)

    task = asyncio.ensure_future(body())
    await asyncio.sleep(SHORT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children[0].ready()


@everywhere
def test_groups_nest() -> None:
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as outer:
        sibling = outer.spawn(sleep, LONG)
        with TaskGroup() as inner:
            inner.spawn(fail)
            sleep(LONG)
    assert sibling.ready()
    (error,) = caught.value.exceptions
    assert isinstance(error, ExceptionGroup)


@everywhere
def test_system_exit_in_the_body_is_raised_as_it_is() -> None:
    with pytest.raises(SystemExit), TaskGroup() as group:
        group.spawn(sleep, LONG)
        sleep(0)
        raise SystemExit(3)


@everywhere
def test_an_error_of_a_child_does_not_hide_a_keyboard_interrupt() -> None:
    def stubborn() -> None:
        try:
            sleep(LONG)
        finally:
            raise Boom

    with pytest.raises(KeyboardInterrupt), TaskGroup() as group:
        group.spawn(stubborn)
        sleep(0)
        raise KeyboardInterrupt


@everywhere
def test_a_group_that_is_ending_starts_nothing_more() -> None:
    def late() -> None:
        try:
            sleep(LONG)
        finally:
            group.spawn(sleep, LONG)

    with pytest.raises(BaseExceptionGroup) as caught, TaskGroup() as group:
        group.spawn(late)
        group.spawn(fail)
    assert {type(error) for error in caught.value.exceptions} == {Boom, RuntimeError}


@everywhere
def test_errors_of_children_are_not_reported_besides() -> None:
    with pytest.raises(ExceptionGroup), TaskGroup() as group:
        group.spawn(fail)
    del group
    sleep(0)


def test_bad_use_is_refused() -> None:
    with pytest.raises(NoPortalError, match="TaskGroup"), TaskGroup():
        raise AssertionError("entered")

    def main() -> None:
        group = TaskGroup()
        with pytest.raises(RuntimeError, match="was not entered"):
            group.spawn(print)
        with group:
            pass
        with pytest.raises(RuntimeError, match="has ended"):
            group.spawn(print)
        with pytest.raises(RuntimeError, match="used already"), group:
            raise AssertionError("entered")

    greenbridge.run(main)
