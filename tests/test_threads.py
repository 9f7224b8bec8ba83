"""Green threads: how they start, what their handles say, how they end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import GreenThread, getcurrent, sleep, spawn, spawn_later
from greenbridge.testing import assert_switches, statistics

from .green import LONG, SHORT, in_green, run_green

if TYPE_CHECKING:
    from collections.abc import Callable

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


class Boom(Exception):
    pass


def fail(error: BaseException) -> None:
    raise error


@in_green
def test_threads_start_in_order_and_not_before_the_caller_waits() -> None:
    order: list[int] = []
    for i in range(5):
        spawn(order.append, i)
    assert order == []
    with assert_switches():
        sleep(0)
    assert order == [0, 1, 2, 3, 4]


@in_green
def test_a_thread_that_is_spawned_by_another_starts_in_the_next_round() -> None:
    order: list[str] = []

    def first() -> None:
        spawn(order.append, "child")
        order.append("first")

    spawn(first)
    spawn(order.append, "second")
    sleep(0)
    sleep(0)
    assert order == ["first", "second", "child"]


@in_green
def test_results_arguments_and_state_of_the_handle() -> None:
    def add(a: int, *, b: int) -> int:
        sleep(0)
        return a + b

    thread = spawn(add, 1, b=2)
    assert isinstance(thread, GreenThread)
    assert (thread.ready(), thread.successful(), thread.value) == (False, False, None)
    assert thread.exception is None
    assert "not started" in repr(thread)
    assert thread.get() == 3
    assert (thread.ready(), thread.successful(), thread.value) == (True, True, 3)
    assert "finished" in repr(thread)
    assert thread.get(block=False) == 3


@in_green
def test_a_context_is_copied_at_spawn() -> None:
    VAR.set("parent")
    seen: list[str] = []

    def child() -> None:
        seen.append(VAR.get())
        VAR.set("child")
        sleep(0)
        seen.append(VAR.get())

    thread = spawn(child)
    VAR.set("later")
    thread.join()
    assert seen == ["parent", "child"]
    assert VAR.get() == "later"


@in_green
def test_getcurrent_is_the_handle_and_name_can_be_set() -> None:
    thread = spawn(getcurrent)
    assert thread.get() is thread
    assert thread.name.startswith("GreenThread-")
    thread.name = "worker"
    assert thread.name == "worker"
    assert "worker" in repr(thread)


@in_green
def test_get_raises_the_error_and_exception_shows_it() -> None:
    error = Boom("x")
    thread = spawn(fail, error)
    with pytest.raises(Boom) as caught:
        thread.get()
    assert caught.value is error
    assert thread.exception is error
    assert not thread.successful()
    assert thread.ready()
    assert "Boom" in repr(thread)
    with pytest.raises(Boom):
        thread.get()


def test_an_unfetched_error_is_reported_once_with_both_stacks(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    reports: list[dict[str, Any]] = []

    def spawner() -> None:
        spawn(fail, Boom("lost"))

    def main() -> None:
        spawner()
        sleep(SHORT)
        gc.collect()
        sleep(SHORT)
        assert len(reports) == 1

    run_green(main, loop_factory=loop_factory, reports=reports)
    gc.collect()
    (report,) = reports
    assert isinstance(report["exception"], Boom)
    spawned = [frame.name for frame in report["source_traceback"]]
    assert "spawner" in spawned
    failed: Any = report["exception"].__traceback__
    names = []
    while failed is not None:
        names.append(failed.tb_frame.f_code.co_name)
        failed = failed.tb_next
    assert names == ["fail"]


@pytest.mark.parametrize("how", ["get", "exception", "link", "await_", "held_until_fetched"])
def test_a_fetched_error_is_not_reported(
    how: str, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    def main() -> None:
        thread = spawn(fail, Boom("seen"))
        if how == "get":
            with pytest.raises(Boom):
                thread.get()
        elif how == "exception":
            thread.join()
            assert thread.exception is not None
        elif how == "link":
            thread.link(lambda _: None)
            sleep(0)
        elif how == "await_":
            with pytest.raises(Boom):
                greenbridge.await_(thread)
        else:
            sleep(SHORT)
            gc.collect()
            with pytest.raises(Boom):
                thread.get()
        del thread
        sleep(0)
        gc.collect()
        sleep(0)

    run_green(main, loop_factory=loop_factory)
    gc.collect()


@in_green
def test_a_finished_thread_is_freed_without_the_garbage_collector() -> None:
    class Thing:
        alive = 0

        def __init__(self) -> None:
            Thing.alive += 1

        def __del__(self) -> None:
            Thing.alive -= 1

    def failing(thing: Thing) -> None:
        local = thing
        raise Boom(local)

    gc.disable()
    try:
        for fn in (repr, failing):
            thread = spawn(fn, Thing())
            thread.join()
            assert thread.exception is None or fn is failing
            del thread
            sleep(0)
            assert Thing.alive == 0, fn
    finally:
        gc.enable()


# -- join and get ------------------------------------------------------------------------------


@in_green
def test_join_waits_and_raises_nothing() -> None:
    thread = spawn(fail, Boom())
    with assert_switches():
        thread.join()
    assert thread.ready()
    thread.join()
    assert thread.exception is not None


@in_green
def test_join_and_get_with_a_timeout() -> None:
    thread = spawn(sleep, LONG)
    thread.join(SHORT)
    assert not thread.ready()
    thread.join(0)
    with pytest.raises(TimeoutError):
        thread.get(timeout=SHORT)
    with pytest.raises(TimeoutError):
        thread.get(block=False)
    assert not thread.ready()
    thread.kill()


@in_green
def test_many_join_one() -> None:
    thread = spawn(sleep, SHORT)
    joiners = [spawn(thread.get) for _ in range(20)]
    for joiner in joiners:
        assert joiner.get() is None


@in_green
def test_a_killed_joiner_leaves_the_thread_alone() -> None:
    thread = spawn(sleep, LONG)
    joiner = spawn(thread.join)
    sleep(0)
    joiner.kill()
    assert not thread.ready()
    assert not thread._links
    thread.kill()


@in_green
def test_a_thread_cannot_join_itself() -> None:
    def main() -> None:
        me: Any = getcurrent()
        with pytest.raises(greenbridge.GreenbridgeError, match="itself"):
            me.join()

    spawn(main).get()


# -- awaiting ----------------------------------------------------------------------------------


@in_green
async def test_a_handle_can_be_awaited() -> None:
    assert await spawn(lambda: 5) == 5
    thread = spawn(fail, Boom("x"))
    with pytest.raises(Boom):
        await thread
    with pytest.raises(Boom):
        await thread


@in_green
async def test_handles_work_with_gather_and_wait_for() -> None:
    def add(a: int, b: int) -> int:
        sleep(SHORT)
        return a + b

    assert await asyncio.gather(*[spawn(add, i, 1) for i in range(10)]) == list(range(1, 11))
    assert await asyncio.wait_for(spawn(add, 1, 2), LONG) == 3


@in_green
async def test_a_cancelled_awaiter_leaves_the_thread_running() -> None:
    release = greenbridge.Event()
    thread = spawn(release.wait)

    async def awaiter() -> None:
        await thread

    task = asyncio.ensure_future(awaiter())
    await asyncio.sleep(SHORT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not thread.ready()
    assert not thread._links
    release.set()
    await thread


# -- bad input ---------------------------------------------------------------------------------


@in_green
def test_what_cannot_be_called_is_refused_at_once() -> None:
    things: list[Any] = [None, 1, "print"]
    for thing in things:
        with pytest.raises(TypeError, match="needs a function"):
            spawn(thing)
        with pytest.raises(TypeError, match="needs a function"):
            spawn_later(0, thing)
    with pytest.raises(TypeError, match="coroutine"):
        spawn(asyncio.sleep(0))  # type: ignore[arg-type]
    assert statistics()["threads"] == 0


@in_green
def test_bad_timeouts_and_exceptions_change_nothing() -> None:
    thread = spawn(sleep, LONG)
    sleep(0)
    calls: list[Callable[[float], Any]] = [
        thread.join,
        lambda bad: thread.get(timeout=bad),
        lambda bad: thread.kill(timeout=bad),
        sleep,
        lambda bad: spawn_later(bad, print),
    ]
    for call in calls:
        for bad in (-1, float("nan")):
            with pytest.raises(greenbridge.BadTimeoutError):
                call(bad)
    for no_exception in (None, "GreenExit", int):
        with pytest.raises(TypeError):
            thread.kill(no_exception)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        thread.link(None)  # type: ignore[arg-type]
    sleep(0)
    assert not thread.ready()
    assert statistics()["threads"] == 1
    thread.kill()
