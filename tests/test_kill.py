"""Green threads: kill, link, and what is spawned for later."""

from __future__ import annotations

import contextvars
from typing import Any

from greenbridge import GreenExit, GreenThread, getcurrent, sleep, spawn, spawn_later
from greenbridge.testing import assert_switches, statistics

from .green import LONG, SHORT, in_green

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


class Boom(Exception):
    pass


def fail(error: BaseException) -> None:
    raise error


# -- kill --------------------------------------------------------------------------------------


@in_green
def test_a_thread_that_is_killed_before_it_starts_never_starts() -> None:
    started: list[int] = []
    thread = spawn(started.append, 1)
    thread.kill()
    assert thread.ready()
    assert thread.successful()
    assert isinstance(thread.value, GreenExit)
    assert started == []


@in_green
def test_kill_raises_at_the_wait_and_runs_finally() -> None:
    log: list[str] = []

    def body() -> None:
        try:
            sleep(LONG)
        except GreenExit:
            log.append("exit")
            raise
        finally:
            sleep(SHORT)  # a finally block may wait, and kill() waits for it
            log.append("finally")

    thread = spawn(body)
    sleep(0)
    thread.kill()
    assert log == ["exit", "finally"]
    assert thread.exception is None
    assert isinstance(thread.get(), GreenExit)


@in_green
def test_kill_without_blocking_and_with_a_timeout() -> None:
    def stubborn() -> None:
        try:
            sleep(LONG)
        finally:
            sleep(SHORT)

    thread = spawn(stubborn)
    sleep(0)
    with assert_switches(exactly=0):
        thread.kill(block=False)
    assert not thread.ready()
    sleep(0)
    thread.join(0)
    assert not thread.ready()  # its finally block waits
    thread.join()
    other = spawn(stubborn)
    sleep(0)
    other.kill(timeout=0)
    assert not other.ready()
    other.join()


@in_green
def test_kill_with_an_exception_of_ones_own() -> None:
    for exception in (Boom, Boom("instance")):
        thread = spawn(sleep, LONG)
        sleep(0)
        thread.kill(exception)
        assert isinstance(thread.exception, Boom)


@in_green
def test_a_thread_that_was_woken_is_killed_at_its_next_wait() -> None:
    log: list[str] = []

    def body() -> None:
        sleep(0)
        log.append("woken")
        try:
            sleep(LONG)
        finally:
            log.append("killed")

    thread = spawn(body)
    sleep(0)  # now it is in the ready queue again
    thread.kill()
    assert log == ["woken", "killed"]


@in_green
def test_a_thread_that_only_yields_can_be_killed() -> None:
    def body() -> None:
        while True:
            sleep(0)

    thread = spawn(body)
    sleep(0)
    sleep(0)
    thread.kill()
    assert thread.ready()


@in_green
def test_a_thread_that_kills_itself_ends_at_once() -> None:
    def body() -> None:
        me: Any = getcurrent()
        me.kill()
        raise AssertionError("still alive")

    assert isinstance(spawn(body).get(), GreenExit)


@in_green
def test_a_kill_that_is_caught_is_over() -> None:
    def body() -> str:
        try:
            sleep(LONG)
        except GreenExit:
            sleep(0)
        return "survived"

    thread = spawn(body)
    sleep(0)
    thread.kill()
    assert thread.get() == "survived"


@in_green
def test_two_kills_are_both_delivered() -> None:
    log: list[str] = []

    def body() -> None:
        sleep(0)
        for _ in range(2):
            try:
                sleep(LONG)
            except Boom as exc:
                log.append(str(exc))

    thread = spawn(body)
    sleep(0)
    thread.kill(Boom("1"), block=False)
    thread.kill(Boom("2"), block=False)
    thread.join()
    assert log == ["1", "2"]


@in_green
def test_killing_a_finished_thread_does_nothing() -> None:
    thread = spawn(str)
    thread.join()
    thread.kill()
    assert thread.value == ""


# -- links -------------------------------------------------------------------------------------


@in_green
def test_link_calls_back_in_a_green_thread_of_its_own() -> None:
    seen: list[Any] = []

    def callback(thread: GreenThread) -> None:
        sleep(0)
        seen.append((thread, getcurrent()))

    thread = spawn(sleep, 0)
    thread.link(callback)
    thread.join()
    assert seen == []
    sleep(SHORT)
    ((linked, current),) = seen
    assert linked is thread
    assert isinstance(current, GreenThread)
    assert current is not thread

    thread.link(callback)  # finished already
    sleep(SHORT)
    assert len(seen) == 2


@in_green
def test_unlink() -> None:
    seen: list[Any] = []
    thread = spawn(sleep, 0)
    thread.link(seen.append)
    thread.unlink(seen.append)
    thread.unlink(seen.append)
    thread.join()
    sleep(SHORT)
    assert seen == []


# -- spawn_later -------------------------------------------------------------------------------


@in_green
def test_spawn_later_starts_when_its_time_has_come() -> None:
    order: list[str] = []
    later = spawn_later(20 * SHORT, order.append, "later")
    sooner = spawn_later(SHORT, order.append, "sooner")
    spawn(order.append, "now")
    later.join()
    assert order == ["now", "sooner", "later"]
    assert sooner.ready()


@in_green
def test_spawn_later_that_is_killed_ends_at_once_and_never_starts() -> None:
    started: list[int] = []
    thread = spawn_later(LONG, started.append, 1)
    thread.kill(timeout=LONG / 3)
    assert thread.ready()
    assert started == []
    assert statistics()["threads"] == 0
