"""The main program's ``asyncio.run`` under the patches: on the hub's loop, beside green threads."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import _originals, await_, sleep, spawn
from greenbridge._hub import HUBS
from greenbridge._hubs import current_hub

from .fresh import in_fresh_python
from .test_nested_loops_kinds import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHORT = 0.01
LONG = 30.0


async def running_loop() -> asyncio.AbstractEventLoop:
    await asyncio.sleep(SHORT)
    return asyncio.get_running_loop()


class Ticker:
    """A green thread that counts until it is stopped: what has to go on beside everything."""

    def __init__(self) -> None:
        self.ticks = 0
        self.stopped = False
        self.thread = spawn(self._run)

    def _run(self) -> None:
        while not self.stopped:
            sleep(SHORT / 10)
            self.ticks += 1

    def stop(self) -> None:
        self.stopped = True
        self.thread.join()


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

    assert type(uvloop.run(running_loop())) is uvloop.Loop
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


# -- what belongs to the run ends with it ----------------------------------------------------------


@in_fresh_python
def test_what_is_left_of_the_run_ends_with_it_and_what_is_the_green_threads_goes_on() -> None:
    greenbridge.patch_all()
    log: list[str] = []
    kept: list[Any] = []
    go = greenbridge.Event()

    async def waits(name: str) -> str:
        try:
            await until(go.is_set)
        except asyncio.CancelledError:
            log.append(f"{name} cancelled")
            raise
        return name

    async def generator() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            log.append("generator closed")

    async def in_two_tasks() -> str:
        return await asyncio.ensure_future(waits("thread's"))

    async def main() -> None:
        kept.append(asyncio.ensure_future(waits("run's")))
        kept.append(spawn(lambda: await_(in_two_tasks())))
        kept.append(generator())
        await kept[-1].__anext__()
        asyncio.get_running_loop().run_in_executor(None, works)
        await asyncio.sleep(SHORT)

    def works() -> None:
        while len(log) < 2:  # the run has begun to end
            _originals.time_sleep(SHORT)
        log.append("executor joined")

    earlier = spawn(lambda: await_(in_two_tasks()))
    asyncio.run(main())
    assert log == ["run's cancelled", "generator closed", "executor joined"]
    go.set()
    assert [earlier.get(), kept[1].get()] == ["thread's"] * 2
    # The next run has an executor again.
    assert asyncio.run(to_thread(lambda: 7)) == 7


async def to_thread(fn: Any) -> Any:
    return await asyncio.to_thread(fn)


@in_fresh_python
def test_settings_of_the_loop_end_with_the_run() -> None:
    greenbridge.patch_all()
    ticker = Ticker()
    hub = current_hub()
    assert hub is not None
    loop = hub.loop
    before = (loop.get_debug(), loop.get_task_factory(), loop.get_exception_handler())

    async def main() -> bool:
        loop.set_exception_handler(lambda _, __: None)
        return loop.get_debug()

    assert asyncio.run(main(), debug=True)
    assert (loop.get_debug(), loop.get_task_factory(), loop.get_exception_handler()) == before
    ticker.stop()


@in_fresh_python
def test_an_error_of_a_task_that_is_left_is_reported() -> None:
    greenbridge.patch_all()
    reports: list[Any] = []

    async def fails() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            raise ValueError("at the end")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        main.task = asyncio.ensure_future(fails())  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    asyncio.run(main())
    (report,) = reports
    assert report["message"] == "unhandled exception during asyncio.run() shutdown"
    assert str(report["exception"]) == "at the end"


@in_fresh_python
def test_results_errors_and_exits_come_out_of_it() -> None:
    greenbridge.patch_all()

    async def gives(value: object) -> object:
        await asyncio.sleep(0)
        if isinstance(value, BaseException):
            raise value
        return value

    ticker = Ticker()
    assert asyncio.run(gives(1)) == 1
    for error in (ValueError("x"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()):
        with pytest.raises(type(error)) as caught:
            asyncio.run(gives(error))
        assert caught.value.args == error.args
        sleep(SHORT)  # nothing of it is left to be raised here
    with pytest.raises(ValueError if sys.version_info < (3, 14) else TypeError):
        asyncio.run(1)  # type: ignore[arg-type]

    async def stops() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(LONG)

    with pytest.raises(RuntimeError, match=r"Event loop stopped before Future completed\."):
        asyncio.run(stops())
    ticker.stop()


@in_fresh_python
def test_it_is_refused_inside_a_running_loop() -> None:
    greenbridge.patch_all()

    async def main() -> None:
        coro = running_loop()
        with pytest.raises(RuntimeError, match=r"asyncio.run\(\) cannot be called from a running"):
            asyncio.run(coro)
        coro.close()

    asyncio.run(main())


if sys.version_info >= (3, 11):

    @in_fresh_python
    def test_a_runner_keeps_the_hub_s_loop_from_run_to_run() -> None:
        greenbridge.patch_all()
        var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)

        async def count() -> int:
            var.set(var.get() + 1)
            return var.get()

        async def get_loop() -> asyncio.AbstractEventLoop:
            return asyncio.get_running_loop()

        ticker = Ticker()
        hub = current_hub()
        assert hub is not None
        with asyncio.Runner(debug=True) as runner:
            assert runner.get_loop() is hub.loop
            assert hub.loop.get_debug()
            assert [runner.run(count()) for _ in range(3)] == [1, 2, 3]
            context = contextvars.copy_context()
            assert runner.run(count(), context=context) == 1
            assert context[var] == 1
            loop = runner.get_loop()
            loop.call_later(SHORT, loop.stop)
            loop.run_forever()
            assert loop.run_until_complete(get_loop()) is loop
        runner.close()
        with pytest.raises(RuntimeError, match="Runner is closed"):
            runner.get_loop()
        assert not hub.loop.is_closed()
        ticker.stop()

    @in_fresh_python
    def test_a_runner_that_never_runs_leaves_nothing() -> None:
        greenbridge.patch_all()
        asyncio.Runner().close()
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
        assert loop.is_closed()
        assert not HUBS

    @in_fresh_python
    def test_what_is_made_on_a_runners_loop_by_hand_ends_with_it() -> None:
        """As pytest's plugins do: they take the loop of a Runner, and run it themselves."""
        greenbridge.patch_all()
        ticker = Ticker()
        ended: list[str] = []

        async def forever(name: str) -> None:
            try:
                await asyncio.sleep(LONG)
            finally:
                ended.append(name)

        async def start() -> None:
            asyncio.get_running_loop().create_task(forever("inside"))
            await asyncio.sleep(SHORT)

        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            by_hand = loop.create_task(forever("outside"))
            loop.run_until_complete(start())
            green = spawn(await_, asyncio.sleep(10 * SHORT))
            sleep(SHORT)
        assert sorted(ended) == ["inside", "outside"]
        assert by_hand.cancelled()
        green.get()  # it is no part of the run
        ticker.stop()


# -- signals ---------------------------------------------------------------------------------------


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def native_interrupt() -> None:
    _originals.time_sleep(SHORT)
    interrupt()


@in_fresh_python
def test_ctrl_c_cancels_the_main_task_and_no_green_thread() -> None:
    greenbridge.patch_all()
    log: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().call_later(SHORT, interrupt)
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            log.append("finally")

    ticker = Ticker()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main())
    assert log == ["cancelled", "finally"] * 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ticker.stop()
    # The hub takes care of the next one again.
    ticker = Ticker()
    spawn(interrupt)
    with pytest.raises(KeyboardInterrupt):
        sleep(LONG)
    ticker.stop()


@in_fresh_python
def test_a_second_ctrl_c_does_not_wait_for_the_main_task() -> None:
    greenbridge.patch_all()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(SHORT, interrupt)
        loop.call_later(3 * SHORT, interrupt)
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            await asyncio.sleep(LONG)

    ticker = Ticker()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    ticker.stop()


@in_fresh_python
def test_signal_handlers_of_the_loop() -> None:
    greenbridge.patch_all()

    async def main() -> str:
        loop = asyncio.get_running_loop()
        seen = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, seen.set_result, "seen")
        loop.call_later(SHORT, os.kill, os.getpid(), signal.SIGUSR1)
        try:
            return str(await asyncio.wait_for(seen, LONG))
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)

    assert asyncio.run(main()) == "seen"
    ticker = Ticker()
    assert asyncio.run(main()) == "seen"
    loop = asyncio.new_event_loop()  # nested in the hub's
    assert loop.run_until_complete(main()) == "seen"
    loop.close()
    # The hub's loop hears of signals again.
    _originals.start_new_thread(native_interrupt, ())
    with pytest.raises(KeyboardInterrupt):
        sleep(LONG)
    assert asyncio.run(main()) == "seen"
    ticker.stop()


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
