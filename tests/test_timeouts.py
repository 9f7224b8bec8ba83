"""``Timeout`` in gevent's shape; ``fail_after`` and ``move_on_after`` in anyio's; ``sleep``."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import greenbridge
from greenbridge import (
    BadTimeoutError,
    NoPortalError,
    Timeout,
    await_,
    fail_after,
    move_on_after,
    sleep,
    spawn,
    with_timeout,
)
from greenbridge._hubs import get_hub
from greenbridge.testing import assert_switches, statistics

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable


class Boom(Exception):
    pass


def in_thread_and_task(body: Callable[[], None]) -> Callable[..., None]:
    """Run *body* in the root, a green thread, one that has a Task already, and a green task."""

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

    test.__name__ = body.__name__
    return test


# -- sleep -------------------------------------------------------------------------------------


@in_thread_and_task
def test_sleep_takes_its_time_and_lets_others_run() -> None:
    others: list[int] = []
    for seconds in (0.02, 0.001, 0):
        spawn(others.append, 1)
        before = time.monotonic()
        with assert_switches():
            sleep(seconds)
        assert time.monotonic() - before >= seconds
        assert others.pop() == 1
    sleep()


@in_thread_and_task
def test_sleeps_that_are_very_long_can_be_killed() -> None:
    threads = [spawn(sleep, seconds) for seconds in (1e6, 1e12, 1e300, float("inf"))]
    sleep(SHORT)
    assert not any(thread.ready() for thread in threads)
    greenbridge.killall(threads)
    assert all(thread.ready() for thread in threads)


def test_sleep_outside_green_code_is_the_original() -> None:
    before = time.monotonic()
    sleep(SHORT)
    assert time.monotonic() - before >= SHORT
    with pytest.raises(BadTimeoutError):
        sleep(-1)


# -- Timeout -----------------------------------------------------------------------------------


@in_thread_and_task
def test_a_timeout_raises_itself_where_the_code_waits() -> None:
    timeout = Timeout(SHORT)
    with pytest.raises(Timeout) as caught, timeout:
        assert timeout.pending
        sleep(LONG)
    assert caught.value is timeout
    assert not timeout.pending
    assert str(timeout) == "0.01 seconds"
    assert "Timeout" in repr(timeout)


@in_thread_and_task
def test_a_timeout_cuts_await_and_cancels_what_is_awaited() -> None:
    log: list[str] = []

    async def awaited() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            log.append("finally")

    with pytest.raises(Timeout), Timeout(SHORT):
        await_(awaited())
    assert log == ["finally"]
    await_(asyncio.sleep(0))  # no cancellation is left behind
    sleep(0)


@in_thread_and_task
def test_the_exception_argument() -> None:
    with Timeout(SHORT, False):
        sleep(LONG)
    with pytest.raises(Boom), Timeout(SHORT, Boom):
        sleep(LONG)
    error = Boom()
    with pytest.raises(Boom) as caught, Timeout(SHORT, error):
        sleep(LONG)
    assert caught.value is error


@in_thread_and_task
def test_a_timeout_that_is_not_reached_leaves_nothing() -> None:
    for seconds in (LONG, None):
        with Timeout(seconds) as timeout:
            sleep(0)
        assert not timeout.pending
    sleep(SHORT)


@in_thread_and_task
def test_a_timeout_that_fires_after_the_wait_is_taken_back() -> None:
    with Timeout(SHORT):
        time.sleep(2 * SHORT)  # holds the loop: the time is over, and nobody has noticed
    sleep(0)
    sleep(SHORT)


@in_thread_and_task
def test_timeouts_nest() -> None:
    with pytest.raises(Timeout) as caught, Timeout(SHORT) as outer, Timeout(LONG):
        sleep(LONG)
    assert caught.value is outer
    with Timeout(LONG):
        with Timeout(SHORT, False):
            sleep(LONG)
        sleep(0)


@in_thread_and_task
def test_two_timeouts_that_fire_together_are_both_raised() -> None:
    log: list[str] = []
    try:
        with Timeout(SHORT):
            try:
                with Timeout(SHORT, Boom):
                    time.sleep(2 * SHORT)
                    sleep(LONG)
            except Boom:
                log.append("inner")
            sleep(LONG)
    except Timeout:
        log.append("outer")
    assert log in (["inner", "outer"], ["outer"])


@in_thread_and_task
def test_start_close_and_start_again() -> None:
    timeout = Timeout.start_new(SHORT)
    with pytest.raises(RuntimeError, match="started already"):
        timeout.start()
    with pytest.raises(Timeout):
        sleep(LONG)
    timeout.close()
    timeout.close()
    timeout.start()
    with pytest.raises(Timeout):
        sleep(LONG)
    timeout.close()
    assert Timeout.start_new(timeout) is timeout
    timeout.cancel()


@in_thread_and_task
def test_with_timeout() -> None:
    assert with_timeout(LONG, lambda a: a, 3) == 3
    assert with_timeout(SHORT, sleep, LONG, timeout_value="late") == "late"
    with pytest.raises(Timeout):
        with_timeout(SHORT, sleep, LONG)

    def inner() -> None:
        with Timeout(SHORT):
            sleep(LONG)

    with pytest.raises(Timeout):
        with_timeout(LONG, inner, timeout_value="not this one")


@in_green
def test_a_timeout_beside_a_kill_does_not_swallow_it() -> None:
    log: list[str] = []

    def body() -> None:
        with Timeout(SHORT, False):
            sleep(0)
            sleep(LONG)
        log.append("survived the timeout")
        sleep(LONG)

    thread = spawn(body)
    sleep(0)
    thread.kill(block=False)
    time.sleep(2 * SHORT)
    thread.join(LONG / 3)
    assert isinstance(thread.value, greenbridge.GreenExit)


@in_green
def test_an_exception_class_that_fails_does_not_stop_other_timers() -> None:
    class Broken(Exception):
        def __init__(self) -> None:
            raise Boom

    def body() -> None:
        with Timeout(SHORT, Broken):
            sleep(LONG)

    thread = spawn(body)
    other = spawn(sleep, 2 * SHORT)
    other.join()
    thread.join(LONG / 3)
    assert isinstance(thread.exception, Boom)


@in_green
def test_many_timeouts_leave_a_small_heap() -> None:
    for _ in range(1000):
        with Timeout(LONG):
            pass
    sleep(0)
    gc.collect()
    assert statistics()["timers"] < 200


@in_green
def test_bad_timeouts_are_refused() -> None:
    for bad in (-1, -1e-9, float("nan")):
        for make in (Timeout, fail_after, move_on_after):
            with pytest.raises(BadTimeoutError):
                make(bad)
    no_numbers: list[Any] = ["1", [1]]
    for thing in no_numbers:
        for make in (Timeout, fail_after, move_on_after):
            with pytest.raises((BadTimeoutError, TypeError)):
                make(thing)
    assert len(get_hub().timers) == 0


def test_outside_green_code_a_limit_is_refused() -> None:
    for limit in (Timeout(1), fail_after(1), move_on_after(1)):
        with pytest.raises(NoPortalError), limit:
            raise AssertionError("entered")


# -- cancel scopes -----------------------------------------------------------------------------


@in_thread_and_task
def test_move_on_after_leaves_the_block() -> None:
    with move_on_after(SHORT) as scope:
        sleep(LONG)
    assert scope.cancelled_caught
    assert scope.cancel_called
    with move_on_after(LONG) as scope:
        sleep(0)
    assert not scope.cancelled_caught
    with move_on_after(None) as scope:
        sleep(0)
    assert not scope.cancel_called


@in_thread_and_task
def test_fail_after_raises_timeout_error() -> None:
    with pytest.raises(TimeoutError), fail_after(SHORT):
        await_(asyncio.sleep(LONG))
    with fail_after(LONG):
        sleep(0)


@in_thread_and_task
def test_a_scope_can_be_cancelled_and_moved() -> None:
    with move_on_after(LONG) as scope:
        scope.cancel()
        sleep(LONG)
    assert scope.cancelled_caught
    with move_on_after(LONG) as scope:
        assert scope.deadline < float("inf")
        scope.deadline -= LONG
        sleep(LONG)
    assert scope.cancelled_caught
    with fail_after(LONG) as scope:
        scope.cancel()
        sleep(LONG)


@in_thread_and_task
def test_scopes_nest_with_those_of_coroutines() -> None:
    async def inner() -> None:
        with anyio.move_on_after(LONG) as scope:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.03)
            log.append("shielded")
            await anyio.sleep(LONG)
        assert not scope.cancelled_caught

    log: list[str] = []
    with move_on_after(SHORT) as outer:
        await_(inner())
        log.append("not reached")
    assert outer.cancelled_caught
    assert log == ["shielded"]


@in_thread_and_task
def test_a_shielded_scope_keeps_the_outer_one_out() -> None:
    log: list[str] = []
    with move_on_after(SHORT) as outer:
        with move_on_after(None, shield=True) as inner:
            assert inner.shield
            sleep(3 * SHORT)
            log.append("shielded")
        sleep(LONG)
    assert outer.cancelled_caught
    assert log == ["shielded"]


@in_thread_and_task
def test_a_timeout_passes_through_a_scope() -> None:
    timeout = Timeout(SHORT)
    with pytest.raises(Timeout) as raised, move_on_after(LONG) as scope:
        timeout.start()  # not before: entering a scope may switch, where it would be raised as well
        sleep(LONG)
    assert raised.value is timeout
    assert not scope.cancelled_caught
    sleep(0)
    await_(asyncio.sleep(0))


@in_green
def test_kill_passes_through_a_scope() -> None:
    def body() -> Any:
        with move_on_after(LONG):
            sleep(LONG)

    thread = spawn(body)
    sleep(SHORT)
    thread.kill()
    assert isinstance(thread.get(), greenbridge.GreenExit)
