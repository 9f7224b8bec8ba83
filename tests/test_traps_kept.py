"""More of what goes wrong in other bridges (see ``test_traps``): what is kept as it is.

Tasks of asyncio's own, what is visible where, atomic parts, ends, forks, and asyncio's inside.
There is more about each beside its feature, but not in all modes.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import RLock, await_, iterate, native, no_switch, run_sync, sleep, spawn
from greenbridge.green._local import local

from .conftest import MODES
from .green import LONG, SHORT, in_green, run_green, until_parked, until_waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import FreshPython

pytestmark = pytest.mark.all_modes


@pytest.fixture(params=list(MODES))
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Make a new event loop; the test runs once for each kind and mode."""
    return MODES[request.param]


# -- Tasks ---------------------------------------------------------------------------------------


@pytest.mark.green_tasks
async def test_tasks_are_of_asyncio_s_class_and_both_of_its_current_tasks_agree() -> None:
    seen: list[Any] = []

    async def user() -> None:
        sleep(0)
        seen.append(asyncio.current_task())
        seen.append(asyncio.tasks.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    task = asyncio.create_task(user())
    await task
    assert seen == [task] * 3
    assert type(task) is asyncio.Task


@pytest.mark.green_tasks
async def test_a_cancellation_that_is_swallowed_is_counted_as_asyncio_does() -> None:
    async def swallows() -> int:
        try:
            sleep(LONG)
        except asyncio.CancelledError:
            sleep(SHORT)  # it may wait again
            task: Any = asyncio.current_task()
            if sys.version_info >= (3, 11):
                return int(task.cancelling())
            return 1
        return 0

    task = asyncio.create_task(swallows())
    await until_waiting(task)
    task.cancel()
    assert await task == 1


@pytest.mark.green_tasks
async def test_the_stack_of_a_parked_task_is_the_users() -> None:
    def waits() -> None:
        sleep(LONG)

    async def user() -> None:
        waits()

    task = asyncio.create_task(user())
    await until_waiting(task)
    names = [frame.f_code.co_name for frame in task.get_stack()]
    assert names[-2:] == ["user", "waits"]
    assert "user()" in repr(task)
    task.cancel()
    await asyncio.wait([task])


# -- what is visible where ------------------------------------------------------------------------


@in_green
def test_a_running_loop_is_seen_in_coroutines_and_not_in_green_threads() -> None:
    def in_thread() -> Any:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        loop = await_(in_coroutine())
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return loop

    async def in_coroutine() -> Any:
        loop = asyncio.get_running_loop()
        sleep(0)
        assert asyncio.get_running_loop() is loop
        return loop

    assert spawn(in_thread).get() is await_(in_coroutine())


@in_green
def test_locals_and_locks_belong_to_who_holds_them_and_not_to_the_os_thread() -> None:
    own, lock = local(), RLock()
    inside: list[str] = []

    def holds(name: str) -> None:
        assert not hasattr(own, "name")
        own.name = name
        with lock, lock:
            inside.append(name)
            sleep(SHORT)
            await_(asyncio.sleep(0))
            assert inside == [name]
            inside.remove(name)
        assert own.name == name

    for thread in [spawn(holds, name) for name in "abc"]:
        thread.get()

    async def in_tasks() -> None:
        await asyncio.gather(*(run_sync(holds, name) for name in "def"))

    await_(in_tasks())


@in_green
def test_an_async_generator_that_green_code_drops_is_closed_by_the_hub_s_loop() -> None:
    closed: list[Any] = []

    async def numbers() -> Any:
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            closed.append(asyncio.get_running_loop())

    def takes_one() -> None:
        generator = numbers()
        # Dropped here, not by a coroutine that ends: where that is stepped by hand, uvloop's debug
        # mode fails on 3.13.0, without greenbridge as well.
        assert await_(generator.__anext__()) == 1

    async def loop() -> Any:
        return asyncio.get_running_loop()

    spawn(takes_one).get()
    gc.collect()
    while not closed:
        sleep(0)
    assert closed == [await_(loop())]
    assert next(iter(iterate(numbers()))) == 1


# -- atomic parts, ends ---------------------------------------------------------------------------


@in_green
def test_a_part_that_must_not_be_interrupted_says_what_wanted_to_wait() -> None:
    balance = [100]

    def logs() -> None:
        sleep(0)  # a logger that became green broke a balance

    def withdraws() -> None:
        with no_switch():
            before = balance[0]
            with pytest.raises(greenbridge.SwitchForbiddenError, match=r"sleep"):
                logs()
            balance[0] = before - 10

    for thread in [spawn(withdraws) for _ in range(2)]:
        thread.get()
    assert balance == [80]


def test_what_is_parked_when_the_loop_ends_runs_its_finally_blocks(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    ended: list[str] = []

    def parks(name: str, wait: Callable[[], Any]) -> None:
        try:
            wait()
        finally:
            sleep(0)
            ended.append(name)

    def main() -> None:
        threads = [
            spawn(parks, "sleeps", lambda: sleep(LONG)),
            spawn(parks, "awaits", lambda: await_(asyncio.sleep(LONG))),
        ]
        for thread in threads:
            until_parked(thread)

    run_green(main, loop_factory=loop_factory)
    assert sorted(ended) == ["awaits", "sleeps"]


# -- under the patches ----------------------------------------------------------------------------

SLOW_MODULE = "import time\ntime.sleep(0.02)\nvalue = 1\n"


def under_the_patches(mode: str) -> None:
    """Imports, forks, and asyncio's own threads, in a process of its own."""
    import importlib
    import os

    greenbridge.patch_all()

    def imports() -> int:
        return int(importlib.import_module("slow_module").value)  # never half of it

    def forks() -> int:
        pid = os.fork()
        if pid == 0:
            try:
                with pytest.raises(greenbridge.NoPortalError):
                    await_(asyncio.sleep(0))
                assert asyncio.run(asyncio.sleep(0, 7)) == 7
                assert spawn(sleep, 0).get() is None
            except BaseException:
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    async def threads() -> None:
        loop = asyncio.get_running_loop()
        main = native.get_ident()
        assert await asyncio.to_thread(native.get_ident) != main
        await loop.run_in_executor(None, time.sleep, 0.001)
        # An answer must not have to wait for the next timer.
        began = loop.time()
        far = loop.call_later(LONG, print)
        await loop.getaddrinfo("127.0.0.1", 80)
        future: asyncio.Future[int] = loop.create_future()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, 1))
        thread.start()
        assert await future == 1
        thread.join()
        assert loop.time() - began < LONG / 2
        far.cancel()

    def main() -> None:
        for thread in [spawn(imports) for _ in range(3)]:
            assert thread.get() == 1
        assert forks() == 0  # before there are real threads, of which 3.15 warns
        assert spawn(forks).get() == 0
        await_(threads())

    greenbridge.run(main, loop_factory=MODES[mode])


@pytest.mark.parametrize("mode", list(MODES))
def test_imports_forks_and_asyncio_s_own_threads(
    mode: str, fresh_python: FreshPython, tmp_path: Path
) -> None:
    (tmp_path / "slow_module.py").write_text(SLOW_MODULE, encoding="utf-8")
    code = "import sys\nfrom tests.test_traps_kept import under_the_patches as test\n"
    fresh_python(code + "test(sys.argv[1])", mode)
