"""The main program's ``asyncio.run``: what belongs to the run ends with it."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import _originals, await_, sleep, spawn
from greenbridge._hub import HUBS
from greenbridge._hubs import current_hub

from .fresh import in_fresh_python
from .green import LONG, SHORT
from .program_loops import Ticker, running_loop
from .test_nested_loops_kinds import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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
    assert not asyncio.run(main())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONASYNCIODEBUG", "1")  # a new loop would heed it
        assert asyncio.run(main())
        assert not asyncio.run(main(), debug=False)
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
