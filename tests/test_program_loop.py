"""The main program's ``asyncio.run`` under the patches: on the hub's loop, beside green threads."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import greenbridge
from greenbridge import _originals, await_, sleep, spawn
from greenbridge._hub import HUBS
from greenbridge._hubs import current_hub

from .conftest import LOOPS
from .fresh import in_fresh_python
from .green import SHORT
from .program_loops import Ticker, running_loop

if TYPE_CHECKING:
    from collections.abc import Callable

# -- whose loop ------------------------------------------------------------------------------------


@in_fresh_python
def test_without_green_threads_the_loop_is_uvloop_s_and_closed_at_the_end() -> None:
    greenbridge.patch_all()
    loop = asyncio.run(running_loop())
    assert type(loop).__module__ == "uvloop"
    assert loop.is_closed()
    assert asyncio.run(running_loop()) is not loop
    assert not HUBS


@in_fresh_python
def test_green_threads_from_before_run_on_the_same_loop_during_it_and_after_it() -> None:
    greenbridge.patch_all()
    ticker = Ticker()
    before = current_hub()
    assert before is not None
    assert asyncio.run(running_loop()) is before.loop
    seen = ticker.ticks
    assert seen
    assert asyncio.run(running_loop()) is before.loop
    assert ticker.ticks > seen
    assert not before.loop.is_closed()
    ticker.stop()
    # Nobody is left: the loop is closed with the next run.
    assert asyncio.run(running_loop()) is before.loop
    assert before.loop.is_closed()


@in_fresh_python
def test_green_threads_that_are_started_in_it_outlive_it_as_threads_do() -> None:
    greenbridge.patch_all()

    async def main() -> Ticker:
        return Ticker()

    ticker = asyncio.run(main())
    sleep(SHORT)
    assert ticker.ticks
    ticker.stop()


@in_fresh_python
def test_its_tasks_are_green() -> None:
    greenbridge.patch_all()
    order: list[str] = []

    async def other() -> None:
        order.append("other")

    async def main() -> None:
        task = asyncio.ensure_future(other())
        time.sleep(SHORT)
        order.append("main")
        await task

    asyncio.run(main())
    assert order == ["other", "main"]


@in_fresh_python
def test_the_loop_that_the_command_line_names_is_used() -> None:
    greenbridge.patch_all()
    from greenbridge._loops import factory_named, set_loop_factory

    set_loop_factory(factory_named("asyncio"))
    assert isinstance(asyncio.run(running_loop()), asyncio.BaseEventLoop)


@in_fresh_python
def test_a_policy_or_a_factory_of_the_program_s_own_decides() -> None:
    greenbridge.patch_all()

    class Loop(asyncio.SelectorEventLoop):
        pass

    if sys.version_info >= (3, 12):
        assert type(asyncio.run(running_loop(), loop_factory=Loop)) is Loop
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=Loop) as runner:
            assert type(runner.run(running_loop())) is Loop
            ticker = Ticker()  # beside the factory's loop: that one is nested then
            assert type(runner.run(running_loop())) is Loop
            ticker.stop()
    if sys.version_info < (3, 14):

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self) -> asyncio.AbstractEventLoop:
                return Loop()

        asyncio.set_event_loop_policy(Policy())
        assert type(asyncio.run(running_loop())) is Loop
        ticker = Ticker()
        assert type(asyncio.run(running_loop())) is Loop
        ticker.stop()


@in_fresh_python
def test_loops_that_the_program_makes_itself_are_nested() -> None:
    greenbridge.patch_all()
    import uvloop

    ticker = Ticker()
    for make in (asyncio.new_event_loop, asyncio.SelectorEventLoop, uvloop.new_event_loop):
        loop = make()
        try:
            seen = ticker.ticks
            assert loop.run_until_complete(running_loop()) is loop
            assert isinstance(loop, asyncio.BaseEventLoop)
            assert ticker.ticks > seen
        finally:
            loop.close()
    hub = current_hub()
    assert hub is not None
    assert loop is not hub.loop
    ticker.stop()
    # Nothing to hold up any more.
    loop = uvloop.new_event_loop()
    assert type(loop) is uvloop.Loop
    assert loop.run_until_complete(running_loop()) is loop
    loop.close()


@in_fresh_python
def test_uvloop_run_is_on_the_hub_s_loop() -> None:
    greenbridge.patch_all()
    import uvloop

    async def kind() -> tuple[type, bool]:
        return type(asyncio.get_running_loop()), greenbridge.is_green()

    assert uvloop.run(kind()) == (uvloop.Loop, True)
    assert not HUBS
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(kind()) == (uvloop.Loop, True)
        with asyncio.Runner(loop_factory=lambda: uvloop.new_event_loop()) as runner:
            assert runner.run(kind()) == (uvloop.Loop, True)
    ticker = Ticker()
    hub = current_hub()
    assert hub is not None
    assert uvloop.run(running_loop()) is hub.loop
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.get_loop() is hub.loop
            assert runner.run(running_loop()) is hub.loop
    ticker.stop()


@in_fresh_python
def test_tasks_of_loops_that_the_program_makes_itself_are_green() -> None:
    greenbridge.patch_all()
    for make in LOOPS.values():
        loop = make()
        try:
            assert loop.run_until_complete(waits_for_a_thread())
            task = loop.create_task(waits_for_a_thread(loop.stop))
            loop.run_forever()
            assert task.result()
        finally:
            loop.close()


@in_fresh_python
def test_a_task_that_is_made_before_its_uvloop_loop_runs_is_green() -> None:
    greenbridge.patch_all()
    import uvloop

    loop = uvloop.new_event_loop()
    try:
        made_first = loop.create_task(waits_for_a_thread())
        assert loop.run_until_complete(made_first)
    finally:
        loop.close()


async def waits_for_a_thread(then: Callable[[], None] | None = None) -> bool:
    beside = asyncio.ensure_future(asyncio.sleep(0))
    thread = threading.Thread(target=time.sleep, args=(SHORT,))
    thread.start()
    thread.join()  # an error where nothing could run the thread meanwhile
    if then is not None:
        then()
    return beside.done()


@in_fresh_python
def test_a_uvloop_loop_after_a_nested_one_holds_nobody_up() -> None:
    # The main program was still taken for one whose loop waits on the hub: its threads hung.
    greenbridge.patch_all()
    import uvloop

    async def main() -> bool:
        thread = threading.Thread(target=time.sleep, args=(SHORT,))
        thread.start()
        while thread.is_alive():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(SHORT)
        return True

    for make in (asyncio.SelectorEventLoop, uvloop.new_event_loop, asyncio.SelectorEventLoop):
        spawn(sleep, 0).join()  # a hub, with nothing on it
        loop = make()
        try:
            assert loop.run_until_complete(main())
        finally:
            loop.close()


@in_fresh_python
def test_inside_greenbridge_run_the_loop_stays_open() -> None:
    greenbridge.patch_all()

    def main() -> asyncio.AbstractEventLoop:
        loop = asyncio.run(running_loop())
        assert not loop.is_closed()
        assert asyncio.run(running_loop()) is loop
        assert await_(running_loop()) is loop
        return loop

    assert greenbridge.run(main).is_closed()


@in_fresh_python
def test_the_main_program_of_a_native_thread_is_left_alone() -> None:
    greenbridge.patch_all()
    loops: list[asyncio.AbstractEventLoop] = []

    def run() -> None:
        loops.append(asyncio.run(running_loop()))
        ended.set()

    ended = greenbridge.Event()
    _originals.start_new_thread(run, ())
    ended.wait()
    assert isinstance(loops[0], asyncio.BaseEventLoop)


# -- unpatched -------------------------------------------------------------------------------------


@in_fresh_python
def test_unpatched_a_hub_without_green_threads_makes_room_for_the_program_s_loop() -> None:
    spawn(sleep).join()
    first = current_hub()
    assert first is not None

    async def main() -> asyncio.AbstractEventLoop:
        await spawn(sleep, SHORT)
        hub = current_hub()
        assert hub is not None
        return hub.loop

    for _ in range(2):
        loop = asyncio.run(main())
        assert isinstance(loop, asyncio.BaseEventLoop)
        assert loop is not first.loop
        spawn(sleep).join()  # it is there again, for the program itself
        assert current_hub() is first


@in_fresh_python
def test_unpatched_a_hub_with_green_threads_says_what_to_do() -> None:
    ticker = Ticker()

    async def main() -> None:
        spawn(sleep)

    with pytest.raises(greenbridge.HubConflictError, match=r"greenbridge\.patch_all\(\)"):
        asyncio.run(main())
    ticker.stop()
    greenbridge.patch("asyncio")
    ticker = Ticker()
    asyncio.run(main())
    ticker.stop()
