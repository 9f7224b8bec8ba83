"""When a hub ends, what is parked is unwound: ``finally`` blocks run, whoever ends it."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import GreenExit, await_, sleep, spawn, spawn_later
from greenbridge._hub import HUBS
from greenbridge._hubs import current_hub

from .green import LONG, SHORT, run_green

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython

    Factory = Callable[[], asyncio.AbstractEventLoop]


class Log(list[str]):
    """What was unwound, and how."""

    def park(self, name: str, wait: Callable[[], Any], clean_up: Any = None) -> None:
        try:
            wait()
        except BaseException as exc:
            self.append(f"{name}: {type(exc).__name__}")
            raise
        finally:
            if clean_up is not None:
                clean_up()
                self.append(f"{name}: cleaned up")

    def spawn_all(self, clean_up: Any = None) -> None:
        self.threads = [
            spawn(self.park, "bare", lambda: sleep(LONG), clean_up),
            spawn(self.park, "awaiting", lambda: await_(asyncio.sleep(LONG)), clean_up),
            spawn(self.park, "promoted", self.promoted, clean_up),
        ]
        self.later = spawn_later(LONG, self.append, "never")

    def promoted(self) -> None:
        await_(asyncio.sleep(0))
        sleep(LONG)


def waits() -> None:
    sleep(SHORT)


NAMES = ["awaiting", "bare", "promoted"]
KILLED = [f"{name}: GreenletExit" for name in NAMES]
CLEANED = sorted(f"{name}: {what}" for name in NAMES for what in ("GreenletExit", "cleaned up"))


def test_the_end_of_run(loop_factory: Factory) -> None:
    log = Log()

    def main() -> None:
        log.spawn_all(waits)
        sleep(SHORT)

    run_green(main, loop_factory=loop_factory)
    assert sorted(log) == CLEANED
    assert log.later.ready()


def test_the_end_of_run_after_an_error(loop_factory: Factory) -> None:
    log = Log()

    async def main() -> None:
        log.spawn_all(waits)
        await asyncio.sleep(SHORT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_green(main, loop_factory=loop_factory)
    assert sorted(log) == CLEANED


def test_the_end_of_asyncio_run() -> None:
    log = Log()
    reports: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, c: reports.append(c))
        log.spawn_all(waits)
        await asyncio.sleep(SHORT)

    asyncio.run(main())
    # asyncio.run cancels all Tasks, and those of green threads are among them.
    assert sorted(line.replace("CancelledError", "GreenletExit") for line in log) == CLEANED
    log.threads.clear()
    gc.collect()
    assert reports == []
    assert current_hub() is None


def test_the_end_of_a_loop_that_is_only_closed(loop_factory: Factory) -> None:
    log = Log()
    loop = loop_factory()

    async def main() -> None:
        log.spawn_all()
        await asyncio.sleep(SHORT)

    loop.run_until_complete(main())
    assert log == []
    loop.close()
    assert sorted(log) == KILLED
    assert all(isinstance(thread.value, GreenExit) for thread in log.threads)
    assert log.later.ready()
    assert not [hub for hub in HUBS if hub.loop is loop]
    assert current_hub() is None
    gc.collect()


def test_a_wait_in_finally_is_an_error_when_the_loop_is_only_closed(
    loop_factory: Factory,
) -> None:
    loop = loop_factory()
    log = Log()

    async def main() -> None:
        log.threads = [spawn(log.park, "bare", lambda: sleep(LONG), waits)]
        await asyncio.sleep(SHORT)

    loop.run_until_complete(main())
    loop.close()
    assert isinstance(log.threads[0].exception, greenbridge.SwitchForbiddenError)


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.parametrize("how", ["green task", "run_sync in a plain task"])
def test_tasks_that_are_parked_when_a_loop_is_only_closed(how: str, loop_factory: Factory) -> None:
    log = Log()
    loop = loop_factory()
    reports: list[str] = []
    loop.set_exception_handler(lambda _, context: reports.append(context["message"]))

    async def green() -> None:
        log.park("task", lambda: sleep(LONG))

    async def plain() -> None:
        await greenbridge.run_sync(log.park, "task", lambda: sleep(LONG))

    async def main() -> None:
        if how == "green task":
            greenbridge.install()
        loop.create_task(green() if how == "green task" else plain())
        await asyncio.sleep(SHORT)

    loop.run_until_complete(main())
    loop.close()
    assert log == ["task: GeneratorExit"]
    gc.collect()
    assert reports == ["Task was destroyed but it is pending!"]


def test_what_is_spawned_during_the_end_is_ended_too(loop_factory: Factory) -> None:
    log = Log()

    def main() -> None:
        spawn(log.park, "first", lambda: sleep(LONG), lambda: spawn(second))
        sleep(0)

    def second() -> None:
        log.park("second", lambda: sleep(LONG))

    run_green(main, loop_factory=loop_factory)
    assert log[:2] == ["first: GreenletExit", "first: cleaned up"]
    assert log[2:] in ([], ["second: GreenletExit"])


def test_tasks_and_async_generators_end_with_run(loop_factory: Factory) -> None:
    log = Log()

    async def generator() -> Any:
        try:
            yield 1
        finally:
            log.append("generator")

    kept = []

    async def task() -> None:
        agen = generator()
        kept.append(agen)
        await agen.__anext__()
        log.park("task", lambda: sleep(LONG), waits)

    def main() -> None:
        async def start() -> None:
            kept.append(asyncio.ensure_future(task()))

        await_(start())
        sleep(SHORT)

    run_green(main, loop_factory=loop_factory)
    assert log == ["task: CancelledError", "task: cleaned up", "generator"]


def test_an_error_of_a_task_at_the_end_is_reported(loop_factory: Factory) -> None:
    reports: list[dict[str, Any]] = []

    async def task() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            raise ZeroDivisionError

    async def main() -> None:
        kept.append(asyncio.ensure_future(task()))
        await asyncio.sleep(0)

    kept: list[Any] = []
    run_green(main, loop_factory=loop_factory, reports=reports)
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


def test_an_app_owned_loop_runs_again_and_again(loop_factory: Factory) -> None:
    loop = loop_factory()
    log: list[str] = []

    def body() -> None:
        for i in range(3):
            sleep(SHORT)
            log.append(str(i))

    async def main() -> None:
        await asyncio.sleep(1.5 * SHORT)

    async def start() -> Any:
        return spawn(body)

    thread = loop.run_until_complete(start())
    for _ in range(10):
        loop.run_until_complete(main())
    assert thread.ready()
    assert log == ["0", "1", "2"]
    loop.close()


def test_a_loop_that_is_run_in_another_os_thread_is_refused_if_it_has_threads(
    loop_factory: Factory,
) -> None:
    loop = loop_factory()

    async def start(fn: Any) -> Any:
        return spawn(fn)

    thread = loop.run_until_complete(start(lambda: sleep(LONG)))
    errors: list[BaseException] = []

    def native() -> None:
        try:
            loop.run_until_complete(start(str))
        except BaseException as exc:
            errors.append(exc)

    other = threading.Thread(target=native)
    other.start()
    other.join()
    assert [type(error) for error in errors] == [greenbridge.LoopMismatchError]
    loop.close()
    assert thread.ready()


def test_the_end_of_a_script(fresh_python: FreshPython) -> None:
    for end in ("", "raise SystemExit(0)\n", "import sys; sys.exit()\n"):
        done = fresh_python(
            "import asyncio, greenbridge as g\n"
            "def body(wait):\n"
            "    try: wait()\n"
            "    finally:\n"
            "        g.sleep(0.01)\n"
            "        print('unwound')\n"
            "g.spawn(body, lambda: g.sleep(60))\n"
            "g.spawn(body, lambda: g.await_(asyncio.sleep(60)))\n"
            "g.sleep(0.01)\n" + end
        )
        assert done.stdout == "unwound\n" * 2
        assert done.stderr == ""


def test_the_end_of_a_native_thread() -> None:
    log = Log()

    def native() -> None:
        log.spawn_all(waits)
        sleep(SHORT)

    thread = threading.Thread(target=native)
    thread.start()
    thread.join()
    assert sorted(log) == CLEANED
    assert not [hub for hub in HUBS if hub.owned]
    assert not [t for t in threading.enumerate() if isinstance(t, threading._DummyThread)]


def test_the_end_of_a_runner() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("asyncio.Runner is new in 3.11")
    log = Log()

    async def main() -> None:
        log.spawn_all(waits)
        await asyncio.sleep(SHORT)

    with asyncio.Runner(loop_factory=greenbridge.new_event_loop) as runner:
        runner.run(main())
        assert log == []
    assert sorted(line.replace("CancelledError", "GreenletExit") for line in log) == CLEANED
