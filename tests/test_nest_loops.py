"""``nest()`` beside other loops, other threads and other Tasks, and what undoing it leaves."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

import greenbridge
from greenbridge import nest, spawn, unnest

from .conftest import LOOPS
from .fresh import in_fresh_python
from .green import SHORT
from .nesting import WAYS, gives, on_each_loop, run, run_until_complete


@in_fresh_python
def test_other_loops_run_as_well() -> None:
    """Unpatched they run on top of the caller; patched they park it, in a green thread."""

    class Loop(asyncio.SelectorEventLoop):
        pass

    ticks = 0

    async def counts() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    async def main() -> None:
        counter = asyncio.ensure_future(counts())
        await asyncio.sleep(0)
        before = ticks
        loop = Loop()
        assert loop.run_until_complete(gives(1, SHORT)) == 1
        loop.close()
        if sys.version_info >= (3, 12):
            assert type(asyncio.run(kind(), loop_factory=Loop)) is Loop
        assert (ticks > before) == greenbridge.is_module_patched("selectors")
        counter.cancel()
        assert asyncio.current_task() is not None

    async def kind() -> Any:
        return asyncio.get_running_loop()

    on_each_loop(main)
    greenbridge.patch_all()
    on_each_loop(main)


@in_fresh_python
def test_a_task_that_was_there_before_gets_a_loop_of_its_own() -> None:
    ticks = 0

    async def counts() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        counter = asyncio.ensure_future(counts())
        await asyncio.sleep(0)
        before = ticks
        with nest():
            hooks = sys.get_asyncgen_hooks()
            assert asyncio.run(again()) == 7
            assert ticks == before  # the loop stands still
            assert asyncio.get_running_loop() is loop
            assert asyncio.current_task() is task
            assert sys.get_asyncgen_hooks() == hooks
            coro = gives(1)
            with pytest.raises(greenbridge.NoPortalError, match=r"before greenbridge\.nest\(\)"):
                loop.run_until_complete(coro)
            with pytest.raises(RuntimeError, match="cannot reuse"):
                await coro  # it has been closed
            # Tasks that are made from now on can wait.
            assert await asyncio.ensure_future(calls()) == [1, 1]
            assert ticks > before
            assert await greenbridge.run_sync(run_until_complete, 2) == 2
            # A callback is no Task.
            done = loop.create_future()
            loop.call_soon(lambda: done.set_result(run(3)))
            assert await done == 3
        counter.cancel()

    async def calls() -> list[int]:
        return [way(1, SHORT) for way in WAYS]

    async def again() -> int:
        await asyncio.sleep(SHORT)
        return int(run(7, SHORT))

    for factory in LOOPS.values():
        loop = factory()
        loop.run_until_complete(main())
        assert loop.get_task_factory() is None
        loop.close()


@in_fresh_python
def test_green_threads_of_the_loop_and_of_a_patched_program() -> None:
    def uses(loop: asyncio.AbstractEventLoop) -> Any:
        return loop.run_until_complete(gives(1, SHORT)), asyncio.run(gives(2, SHORT))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await spawn(loop.run_until_complete, gives(1, SHORT)) == 1
        if greenbridge.is_module_patched("selectors"):
            threads = [spawn(uses, loop) for _ in range(5)]
            assert [await thread for thread in threads] == [(1, 2)] * 5

    on_each_loop(main)
    greenbridge.patch_all()
    on_each_loop(main)
    with nest():
        asyncio.run(main())
        thread = spawn(uses, asyncio.new_event_loop())
        asyncio.run(main())
        thread.join()
    assert thread.get() == (1, 2)


@in_fresh_python
def test_one_loop_only() -> None:
    async def calls() -> int:
        return int(run(1))

    async def main() -> int:
        return await asyncio.ensure_future(calls())

    one, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    token = nest(one)
    assert token.loop is one
    assert "undone" not in repr(token)
    assert one.run_until_complete(main()) == 1
    coro = gives(1)

    async def is_refused() -> None:
        with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
            asyncio.run(coro)

    other.run_until_complete(is_refused())
    assert other.get_task_factory() is None
    again = nest(one)
    token.undo()
    token.undo()
    assert "undone" in repr(token)
    assert one.run_until_complete(main()) == 1
    again.undo()
    assert one.get_task_factory() is None
    one.run_until_complete(is_refused())
    coro.close()
    one.close()
    other.close()
    with pytest.raises(TypeError, match="needs an asyncio event loop"):
        nest(1)  # type: ignore[arg-type]


@in_fresh_python
def test_undone_asyncio_is_what_it_was() -> None:
    before = asyncio.run, vars(asyncio.BaseEventLoop)["run_until_complete"]
    nest()
    nest()
    assert asyncio.run is not before[0]
    assert not greenbridge.is_module_patched("time")
    unnest()
    assert (asyncio.run, vars(asyncio.BaseEventLoop)["run_until_complete"]) == before
    unnest()
    greenbridge.patch_all()
    with nest():
        pass
    assert greenbridge.is_module_patched("asyncio.runners")


@in_fresh_python
def test_a_loop_of_another_os_thread_is_none_to_nest_in() -> None:
    import threading

    async def main() -> None:
        loop = asyncio.get_running_loop()
        errors: list[BaseException] = []

        def calls() -> None:
            coro = gives(1)
            try:
                loop.run_until_complete(coro)
            except RuntimeError as error:
                errors.append(error)
                coro.close()

        thread = threading.Thread(target=calls)
        thread.start()
        thread.join()
        assert "already running" in str(errors[0])

    on_each_loop(main)


if sys.version_info >= (3, 12):

    @in_fresh_python
    def test_eager_tasks_nest_as_well() -> None:
        async def calls() -> int:
            return int(run(1, SHORT))

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(asyncio.eager_task_factory)
            greenbridge.install()
            assert (
                await asyncio.gather(*[asyncio.create_task(calls()) for _ in range(3)]) == [1] * 3
            )

        on_each_loop(main)


@in_fresh_python
def test_in_debug_mode() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)
        assert [way(1, SHORT) for way in WAYS] == [1, 1]

    on_each_loop(main)
