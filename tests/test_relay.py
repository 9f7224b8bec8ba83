"""Relay: a coroutine and a green thread that work on one call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from greenbridge import GreenExit, await_, patch_all, sleep
from greenbridge._hubs import get_hub
from greenbridge._relay import Relay
from greenbridge.testing import statistics

from .green import LONG, SHORT


async def finish(relay: Relay) -> Any:
    return relay.result() if relay.begin() else await relay.finish()


async def test_what_does_not_wait_has_ended_at_once() -> None:
    relay = Relay(divmod, 7, 2)
    assert relay.begin()
    assert relay.result() == (3, 1)
    failing = Relay(divmod, 7, 0)
    assert failing.begin()
    with pytest.raises(ZeroDivisionError):
        failing.result()


async def test_the_coroutine_awaits_for_the_thread_in_its_own_task() -> None:
    me = asyncio.current_task()
    seen: list[Any] = []

    async def ask(n: int) -> int:
        seen.append(asyncio.current_task())
        await asyncio.sleep(n * 0.001)
        if n == 2:
            raise KeyError(n)
        return n

    def call() -> list[Any]:
        got: list[Any] = []
        for n in range(4):
            try:
                got.append(relay.wait(ask(n)))
            except KeyError as error:
                got.append(error.args)
            sleep(0.001)
        return got

    relay = Relay(call)
    assert await finish(relay) == [0, 1, (2,), 3]
    assert seen == [me] * 4


async def test_the_thread_may_await_by_itself_in_between() -> None:
    def call() -> list[Any]:
        got = [relay.wait(asyncio.sleep(0, 1)), await_(asyncio.sleep(0, 2))]
        got.append(relay.wait(asyncio.sleep(0.001, 3)))
        got.append(asyncio.run(asyncio.sleep(0.001, 4)))
        got.append(relay.wait(asyncio.sleep(0.001, 5)))
        return got

    relay = Relay(call)
    with patch_all():  # a loop in a green thread needs a selector that parks
        assert await finish(relay) == [1, 2, 3, 4, 5]


async def test_what_never_waits_lets_others_run() -> None:
    turns = 0
    stop = False

    async def nothing() -> None:
        nonlocal turns
        turns += 1

    def call() -> None:
        while not stop:
            relay.wait(nothing())

    relay = Relay(call)
    task = asyncio.create_task(finish(relay))
    await asyncio.sleep(0.005)
    stop = True
    await task
    assert turns > 16


@pytest.mark.parametrize("kind", ["its own", "the coroutine's"])
async def test_cancelling_interrupts_the_thread_where_it_waits(kind: str) -> None:
    ended: list[str] = []

    def call() -> None:
        try:
            if kind == "its own":
                sleep(LONG)
            relay.wait(asyncio.sleep(LONG))
        except asyncio.CancelledError:
            ended.append("cancelled")
            sleep(SHORT)  # cleaning up may wait
            ended.append("clean")
            raise

    relay = Relay(call)
    task = asyncio.create_task(finish(relay))
    await asyncio.sleep(SHORT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled", "clean"]


async def test_a_thread_may_take_no_notice() -> None:
    def call() -> str:
        try:
            sleep(LONG)
        except asyncio.CancelledError:
            return "went on"
        raise AssertionError

    task = asyncio.create_task(finish(Relay(call)))
    await asyncio.sleep(SHORT)
    task.cancel()
    assert await task == "went on"


async def test_a_killed_thread_leaves_what_it_asked_for_to_its_end() -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def ask() -> None:
        begun.set()
        await go.wait()
        ended.append("asked")

    def call() -> None:
        try:
            relay.wait(ask())
        finally:
            ended.append(relay.wait(asyncio.sleep(0, "last")))

    relay = Relay(call)
    task = asyncio.create_task(finish(relay))
    await begun.wait()
    relay.thread.kill(block=False)
    await asyncio.sleep(SHORT)
    go.set()
    assert isinstance(await task, GreenExit)
    assert ended == ["asked", "last"]


async def test_what_was_asked_for_and_not_begun_is_closed() -> None:
    def call() -> None:
        relay.thread.interrupt(GreenExit())  # as if it had been killed just now
        relay.wait(asyncio.sleep(LONG))  # else a warning: never awaited

    relay = Relay(call)
    assert isinstance(await finish(relay), GreenExit)


async def test_a_coroutine_that_is_dropped_kills_the_thread() -> None:
    ended: list[str] = []

    def call() -> None:
        try:
            sleep(LONG)
        finally:
            ended.append("killed")

    relay = Relay(call)
    assert not relay.begin()
    coroutine = relay.finish()
    coroutine.send(None)
    coroutine.close()
    await asyncio.sleep(SHORT)
    assert ended == ["killed"]
    assert statistics()["threads"] == 0


async def test_it_says_once_that_the_thread_waits_for_something_of_its_own() -> None:
    idle: list[int] = []

    def call() -> None:
        relay.wait(asyncio.sleep(0))
        assert not idle
        sleep(0.001)
        sleep(0.001)

    relay = Relay(call)
    relay.on_idle = lambda: idle.append(1)
    await finish(relay)
    assert idle == [1]


async def test_the_hub_is_as_it_was_afterwards() -> None:
    hub = get_hub()
    before = hub.greenlet
    await finish(Relay(sleep, SHORT))
    Relay(int).begin()
    assert hub.greenlet is before
    assert asyncio.get_running_loop() is hub.loop
    assert asyncio.current_task() is not None
