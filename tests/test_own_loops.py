"""Loops that the main program makes itself, beside green threads: what asyncio says of them."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
import threading
import time
import warnings
from typing import Any

import pytest

import greenbridge
from greenbridge._loops import factory_named, set_loop_factory

from .conftest import LOOPS
from .fresh import in_fresh_python
from .green import LONG, SHORT


class Looks(selectors.BaseSelector):
    """A selector that never waits, as a test's, or one that lets a user interface do that."""

    def __init__(self) -> None:
        self.files: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = self.files[fileobj] = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self.files.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []

    def get_map(self) -> Any:
        return self.files


@in_fresh_python
def test_a_loop_whose_selector_never_waits_lets_threads_run() -> None:
    greenbridge.patch_all()
    loop = asyncio.SelectorEventLoop(Looks())
    done = loop.create_future()

    def works() -> None:
        greenbridge.sleep(SHORT)
        loop.call_soon_threadsafe(done.set_result, "from a thread")

    threading.Thread(target=works).start()
    assert loop.run_until_complete(done) == "from a thread"
    # Nothing of it stays on the loop.
    assert "_run_once" not in vars(loop)
    loop.close()


@in_fresh_python
def test_a_loop_whose_rounds_are_replaced_keeps_what_replaced_them() -> None:
    greenbridge.patch_all()
    threading.Thread(target=greenbridge.sleep, args=(SHORT,)).start()
    loop = asyncio.SelectorEventLoop(Looks())
    rounds: list[None] = []

    def run_once() -> None:
        rounds.append(None)
        if len(rounds) == 3:
            loop.stop()
        asyncio.SelectorEventLoop._run_once(loop)  # type: ignore[attr-defined]

    loop._run_once = run_once  # type: ignore[attr-defined]
    loop.run_forever()
    assert len(rounds) == 3
    assert vars(loop)["_run_once"] is run_once
    loop.close()


@in_fresh_python
def test_in_debug_mode_such_a_loop_refuses_other_threads() -> None:
    greenbridge.patch_all()
    loop = asyncio.SelectorEventLoop()
    loop.set_debug(True)
    said: list[str] = []

    def asks() -> None:
        with pytest.raises(RuntimeError, match="Non-thread-safe"):
            loop.call_soon(said.append, "never")
        loop.call_soon_threadsafe(loop.stop)

    loop.call_soon(loop.call_soon, said.append, "its own")
    threading.Thread(target=asks).start()
    loop.run_forever()
    assert said == ["its own"]
    loop.close()


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a green thread"])
@pytest.mark.skipif(
    not (3, 12) <= sys.version_info < (3, 14), reason="before, it does not warn; then it raises"
)
def test_the_warning_that_there_is_no_loop_is_of_the_caller(
    fresh_python: Any, beside: bool
) -> None:
    fresh_python(f"from tests.test_own_loops import check_warning\ncheck_warning({beside})")


def check_warning(beside: bool) -> None:
    greenbridge.patch_all()
    if beside:
        threading.Thread(target=greenbridge.sleep, args=(SHORT,)).start()
    for get_event_loop in (
        asyncio.get_event_loop,
        asyncio.events._py_get_event_loop,  # type: ignore[attr-defined]  # calls in Python
        lambda: asyncio.get_event_loop_policy().get_event_loop(),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loop = get_event_loop()
        assert [w.category for w in caught] == [DeprecationWarning]
        assert caught[0].filename == __file__
        assert asyncio.get_event_loop() is loop
        loop.close()
        asyncio.set_event_loop_policy(None)  # so that the next one is asked for a first time


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.skipif(sys.version_info < (3, 12), reason="Tasks do not begin eagerly before 3.12")
def test_a_runner_s_tasks_may_begin_eagerly(fresh_python: Any, kind: str) -> None:
    fresh_python(f"from tests.test_own_loops import check_eager\ncheck_eager({kind!r})")


def check_eager(kind: str) -> None:
    set_loop_factory(factory_named(kind))
    greenbridge.patch_all()

    def factory(loop: Any, coro: Any, *, eager_start: Any = None, **kwargs: Any) -> Any:
        task: Any = asyncio.Task  # the argument came with 3.12
        return task(coro, loop=loop, eager_start=True, **kwargs)

    async def main(*names: str) -> tuple[str, ...]:
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        assert me is not None
        await asyncio.sleep(SHORT)
        assert asyncio.get_running_loop() is loop
        assert asyncio.current_task() is me
        assert loop.get_task_factory() is factory
        rest = [await loop.create_task(main(*names[1:]))] if names else []
        return (*names[:1], *(name for found in rest for name in found))

    async def fails() -> None:
        raise ZeroDivisionError

    new: Any = asyncio  # 3.10 has no Runner
    with new.Runner() as runner:
        loop = runner.get_loop()
        loop.set_task_factory(factory)
        assert runner.run(main("a", "b")) == ("a", "b")
        assert runner.run(main("c")) == ("c",)
        with pytest.raises(ValueError if sys.version_info < (3, 14) else TypeError):
            runner.run(1)
        assert loop.get_task_factory() is factory
        # What it raises in its first step comes out of run().
        with pytest.raises(ZeroDivisionError):
            runner.run(fails())


@in_fresh_python
def test_tasks_written_in_python_may_block_in_a_thread_s_loop() -> None:
    # As CPython's own tests of asyncio choose them.
    tasks: Any = asyncio.tasks
    ours = getattr(tasks, "_py_current_task", asyncio.current_task)  # 3.12
    asyncio.current_task = tasks.current_task = ours
    asyncio.Task = tasks.Task = tasks._PyTask  # type: ignore[misc]
    greenbridge.patch_all()
    done: list[Any] = []

    async def main() -> None:
        await asyncio.sleep(0)
        time.sleep(SHORT)
        assert isinstance(asyncio.current_task(), tasks._PyTask)
        await asyncio.sleep(SHORT)
        done.append(None)

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 3


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("closed", [True, False], ids=["closed before", "left"])
def test_a_loop_with_signal_handlers_may_be_older_than_the_hubs(
    fresh_python: Any, kind: str, closed: bool
) -> None:
    fresh_python(
        f"from tests.test_own_loops import check_signals\ncheck_signals({kind!r}, {closed})"
    )


def check_signals(kind: str, closed: bool) -> None:
    set_loop_factory(factory_named(kind))
    greenbridge.patch_all()
    loop = asyncio.SelectorEventLoop()
    got: list[str] = []

    async def until_got() -> None:
        while not got:  # noqa: ASYNC110  # a handler of the loop sets no event here
            await asyncio.sleep(SHORT)

    loop.add_signal_handler(signal.SIGUSR1, got.append, "signal")
    threading.Thread(target=greenbridge.sleep, args=(SHORT,)).start()
    greenbridge.sleep(2 * SHORT)  # the hub's loop runs
    if closed:
        loop.close()
    asyncio.run(asyncio.sleep(0))  # and ends, since nothing else is on it
    if not closed:
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.run_until_complete(asyncio.wait_for(until_got(), LONG))
        loop.close()
