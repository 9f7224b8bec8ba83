"""Which loop a green thread gets, and what it may do with it: as a thread, and never uvloop's."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import spawn

from .fresh import in_fresh_python
from .test_nested_loops import LONG, SHORT, on_each_loop

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform != "win32":
    import uvloop


async def until(condition: Callable[[], object]) -> None:
    """Wait until *condition* holds; no event of asyncio's may be set from another loop."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(SHORT)


async def kind() -> Any:
    await asyncio.sleep(SHORT)
    return type(asyncio.get_running_loop())


def ran(loop: Any) -> Any:
    """Run :func:`kind` on *loop*, which is closed after it."""
    try:
        return loop.run_until_complete(kind())
    finally:
        loop.close()


@in_fresh_python
def test_uvloop_s_own_functions_give_a_loop_of_asyncio_s_in_a_green_thread() -> None:
    class Own(uvloop.Loop):
        pass

    ways: list[Callable[[], Any]] = [
        lambda: uvloop.run(kind()),
        lambda: uvloop.run(kind(), debug=True),
        lambda: ran(uvloop.new_event_loop()),
        lambda: ran(uvloop.Loop()),
        lambda: ran(Own()),
    ]
    if sys.version_info >= (3, 11):

        def runner() -> Any:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as run:
                return run.run(kind())

        ways.append(runner)

    async def main() -> None:
        for way in ways:
            assert issubclass(await spawn(way), asyncio.BaseEventLoop)
        # Elsewhere it is what it was.
        loop = uvloop.new_event_loop()
        assert type(loop) is uvloop.Loop
        loop.close()

    on_each_loop(main)
    assert uvloop.run(kind()) is uvloop.Loop
    greenbridge.unpatch_all()
    assert uvloop.run(kind()) is uvloop.Loop
    assert ran(Own()) is Own


if sys.version_info < (3, 14):

    @in_fresh_python
    def test_uvloop_s_policy_gives_a_loop_of_asyncio_s_in_a_green_thread() -> None:
        import warnings

        async def main() -> None:
            assert issubclass(await spawn(asyncio.run, kind()), asyncio.BaseEventLoop)
            assert issubclass(
                await spawn(lambda: ran(asyncio.new_event_loop())), asyncio.BaseEventLoop
            )

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            uvloop.install()
        on_each_loop(main)

    @in_fresh_python
    def test_other_loops_that_cannot_be_nested_are_replaced_as_well() -> None:
        class Closed(asyncio.AbstractEventLoop):
            def close(self) -> None:
                closed.append(self)

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self) -> Any:
                return Closed()  # type: ignore[abstract]

        closed: list[Closed] = []

        async def main() -> None:
            assert issubclass(
                await spawn(lambda: ran(asyncio.new_event_loop())), asyncio.SelectorEventLoop
            )

        greenbridge.patch_all()
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop_policy(Policy())
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        assert len(closed) == 1


@in_fresh_python
def test_a_uvloop_loop_that_was_made_elsewhere_runs_in_a_native_thread() -> None:
    async def ident() -> int:
        await asyncio.sleep(SHORT)
        return greenbridge._originals.get_ident()

    async def main() -> None:
        loop = uvloop.new_event_loop()
        here = await ident()
        thread = spawn(loop.run_until_complete, ident())
        order = await asyncio.gather(thread, kind())  # this loop runs meanwhile
        assert order[0] != here
        # As a server thread does: run_forever in one, stop from another.
        thread = spawn(loop.run_forever)
        await asyncio.sleep(SHORT)
        assert loop.is_running()
        loop.call_soon_threadsafe(loop.stop)
        await thread
        # A kill stops it.
        for run in (loop.run_forever, lambda: loop.run_until_complete(asyncio.sleep(LONG))):
            thread = spawn(run)
            await asyncio.sleep(3 * SHORT)
            thread.kill(block=False)
            assert isinstance(await thread, greenbridge.GreenExit)
            assert not loop.is_running()
        loop.close()

    on_each_loop(main)


@in_fresh_python
def test_the_event_loop_that_is_set_is_the_green_thread_s_own() -> None:
    def sets() -> None:
        with pytest.raises(RuntimeError, match="There is no current event loop in thread"):
            asyncio.get_event_loop_policy().get_event_loop()
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        greenbridge.sleep(SHORT)
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
        asyncio.get_event_loop_policy().get_event_loop().run_until_complete(kind())
        asyncio.set_event_loop(None)
        with pytest.raises(RuntimeError, match="There is no current event loop in thread"):
            asyncio.get_event_loop_policy().get_event_loop()
        with pytest.raises(TypeError):
            asyncio.set_event_loop(1)  # type: ignore[arg-type]
        loop.close()

    async def main() -> None:
        await asyncio.gather(*[spawn(sets) for _ in range(10)])

    import warnings

    warnings.simplefilter("ignore", DeprecationWarning)  # 3.14 says so of policies
    on_each_loop(main)


@in_fresh_python
def test_signals_are_for_the_main_program_only() -> None:
    async def nested() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="set_wakeup_fd only works in main thread"):
            loop.add_signal_handler(signal.SIGUSR1, print)

    async def main() -> None:
        await spawn(asyncio.run, nested())

    on_each_loop(main)


@in_fresh_python
def test_two_hundred_loops_at_once_end_in_any_order() -> None:
    ended: list[int] = []

    async def nested(i: int) -> int:
        await asyncio.sleep(SHORT * (10 - i % 10))
        ended.append(i)
        return i

    async def main() -> None:
        ended.clear()
        threads = [spawn(asyncio.run, nested(i)) for i in range(200)]
        assert await asyncio.gather(*threads) == list(range(200))
        assert ended != sorted(ended)

    on_each_loop(main)


@in_fresh_python
def test_processes_of_nested_loops() -> None:
    async def nested(i: int) -> tuple[bytes, int | None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"import sys; print(input()); sys.exit({i})",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate(b"%d\n" % i)
        return out, process.returncode

    async def main() -> None:
        threads = [spawn(asyncio.run, nested(i)) for i in range(5)]
        assert [await thread for thread in threads] == [(b"%d\n" % i, i) for i in range(5)]

    on_each_loop(main)


@in_fresh_python
def test_a_process_that_is_killed_with_its_green_thread() -> None:
    pids: list[int] = []

    async def nested() -> None:
        process = await asyncio.create_subprocess_exec("sleep", str(LONG))
        pids.append(process.pid)
        try:
            await process.wait()
        finally:
            process.kill()
            await process.wait()

    async def main() -> None:
        pids.clear()
        thread = spawn(asyncio.run, nested())
        await until(lambda: pids)
        thread.kill(block=False)
        await thread
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)

    on_each_loop(main)


@in_fresh_python
def test_calls_from_green_threads_native_threads_and_other_nested_loops() -> None:
    async def waits(loops: list[Any]) -> list[str]:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        queue: asyncio.Queue[str] = asyncio.Queue()
        loops.append((loop, queue))
        return [await queue.get() for _ in range(3)]

    async def tells(loop: Any, queue: Any) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, "nested")
        await asyncio.sleep(0)

    async def main() -> None:
        loops: list[Any] = []
        thread = spawn(asyncio.run, waits(loops), debug=True)
        await until(lambda: loops)
        loop, queue = loops[0]
        await spawn(loop.call_soon_threadsafe, queue.put_nowait, "green")
        await spawn(asyncio.run, tells(loop, queue))
        native = threading.Thread(
            target=loop.call_soon_threadsafe, args=(queue.put_nowait, "native")
        )
        native.start()
        assert sorted(await thread) == ["green", "native", "nested"]
        native.join()

        # And answers come back: a coroutine of the nested loop, asked for from outside.
        async def echoes(loops: list[Any]) -> None:
            loops.append((asyncio.get_running_loop(), asyncio.Event()))
            await loops[-1][1].wait()

        thread = spawn(asyncio.run, echoes(loops))
        await until(lambda: len(loops) == 2)
        loop, event = loops[1]
        asked = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(kind(), loop))
        assert issubclass(await asked, asyncio.BaseEventLoop)
        loop.call_soon_threadsafe(event.set)
        await thread

    on_each_loop(main)
