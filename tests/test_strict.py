"""``strict=``: what holds a loop for too long is told, once, and nothing else is changed."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import Hold, LoopHeldWarning, Strict

from .cli_programs import python
from .fresh import in_fresh_python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 0.2
HOLD = 0.7  # seconds: what a loaded machine takes of it is not counted


def hold(seconds: float = HOLD) -> None:
    time.sleep(seconds)


def until(condition: Callable[[], object]) -> None:
    """Wait in green code, as long as it takes: pytest's own time limit is the only one."""
    while not condition():
        greenbridge.sleep(0.01)


async def auntil(condition: Callable[[], object]) -> None:
    """As :func:`until`, in a coroutine."""
    while not condition():  # noqa: ASYNC110  # nobody sets an event
        await asyncio.sleep(0.01)


def test_a_hold_is_a_warning_with_its_place_and_the_line_to_write(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    def main() -> None:
        for _ in range(2):  # the second time at this place is not told
            greenbridge.spawn(hold).join()
            greenbridge.sleep(0.05)
        until(lambda: seen)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        greenbridge.run(main, loop_factory=loop_factory, strict=LIMIT)
    (warning,) = seen
    assert warning.category is LoopHeldWarning
    assert (warning.filename, warning.lineno) == (__file__, hold.__code__.co_firstlineno + 1)
    text = str(warning.message)
    assert "time.sleep at " in text
    assert "Write: greenbridge.patch('time')" in text
    assert text.endswith("[GB105: https://greenbridge.readthedocs.io/errors/#gb105]")


def test_report_gets_the_hold_in_the_loops_thread(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen: list[tuple[Hold, int, bool]] = []

    def report(found: Hold) -> None:
        running = asyncio.get_running_loop() is not None
        seen.append((found, threading.get_ident(), running))

    async def main() -> None:
        for _ in range(2):
            hold()
            await asyncio.sleep(0.05)
        await auntil(lambda: len(seen) == 2)

    strict = Strict(LIMIT, report=report, every=True)
    greenbridge.run(main, loop_factory=loop_factory, strict=strict)
    for found, ident, running in seen:
        assert (ident, running) == (threading.get_ident(), True)
        assert (found.kind, found.what, found.holds_gil) == ("call", "time.sleep", False)
        assert (found.function, found.code) == ("hold", "time.sleep(seconds)")
        assert found.seconds >= LIMIT
        assert found.stack[0][2] == "hold"


async def test_install_begins_and_ends_it() -> None:
    seen: list[Hold] = []
    strict = Strict(LIMIT, report=seen.append, every=True)
    greenbridge.install(strict=strict)
    await asyncio.sleep(0.01)
    hold()
    await auntil(lambda: len(seen) == 1)
    greenbridge.install()  # leaves it as it is
    hold()
    await auntil(lambda: len(seen) == 2)
    ends: list[Callable[[], None]] = [
        lambda: greenbridge.install(strict=False),
        greenbridge.uninstall,
    ]
    for end in ends:
        end()
        hold()
        await asyncio.sleep(0.1)
        assert len(seen) == 2
        greenbridge.install(strict=strict)
    greenbridge.uninstall()


async def test_an_error_in_report_goes_to_the_loops_exception_handler() -> None:
    seen: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: seen.append(context["exception"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", LoopHeldWarning)
        greenbridge.install(strict=LIMIT)
        await asyncio.sleep(0.01)
        hold()
        await auntil(lambda: seen)
    greenbridge.uninstall()
    assert isinstance(seen[0], LoopHeldWarning)


@pytest.mark.parametrize("value", [0, 0.001, -1, float("nan")])
def test_a_limit_that_is_too_short_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"strict=True for 0\.1 seconds"):
        Strict(value)
    if value:
        loop = asyncio.new_event_loop()
        with pytest.raises(ValueError, match="needs a limit"):
            greenbridge.install(loop, strict=value)
        assert loop.get_task_factory() is None
        loop.close()


def test_another_kind_of_value_is_refused() -> None:
    loop = asyncio.new_event_loop()
    wrong: Any = "0.5"
    with pytest.raises(TypeError, match=r"greenbridge\.Strict\(\.\.\.\), not '0\.5'"):
        greenbridge.install(loop, strict=wrong)
    loop.close()


@in_fresh_python
def test_the_watchdog_is_nobodys_thread_and_ends_with_its_loops() -> None:
    import threading
    import time

    import uvloop

    import greenbridge

    os_threads = greenbridge.original("_thread", "_count")

    def main() -> None:
        greenbridge.sleep(0.01)
        assert (threading.active_count(), len(threading.enumerate())) == (1, 1)
        assert os_threads() == 1  # for both loops

    for factory in (uvloop.new_event_loop, asyncio.SelectorEventLoop):
        assert os_threads() == 0
        other = factory()
        greenbridge.install(other, strict=True)
        greenbridge.run(main, loop_factory=factory, strict=True)
        other.close()
        while os_threads():
            time.sleep(0.01)


def test_loops_of_several_os_threads_are_watched_each(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen: dict[str, list[Hold]] = {"a": [], "b": [], "fine": []}

    def run(name: str) -> None:
        def main() -> None:
            beside = greenbridge.spawn(greenbridge.sleep, 100)
            if name == "fine":
                while not (seen["a"] and seen["b"]):
                    greenbridge.sleep(0.01)
            else:
                greenbridge.spawn(hold).join()
                until(lambda: seen[name])
            beside.kill()

        strict = Strict(LIMIT, report=seen[name].append)
        greenbridge.run(main, loop_factory=loop_factory, strict=strict)

    threads = [threading.Thread(target=run, args=(name,)) for name in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: len(holds) for name, holds in seen.items()} == {"a": 1, "b": 1, "fine": 0}


def test_locals_of_a_frame_that_was_looked_at_go_in_the_loops_thread(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    gone: list[int] = []
    seen: list[Hold] = []

    class Local:
        def __del__(self) -> None:
            gone.append(threading.get_ident())

    def holds() -> None:
        local = [Local()]
        hold()
        local[:] = [Local()]

    def main() -> None:
        greenbridge.spawn(holds).join()
        until(lambda: seen)
        until(lambda: len(gone) == 2)

    greenbridge.run(main, loop_factory=loop_factory, strict=Strict(LIMIT, report=seen.append))
    assert gone == [threading.get_ident()] * 2


def test_a_loop_that_stood_still_between_two_runs_was_not_held(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen: list[Hold] = []
    loop = loop_factory()
    greenbridge.install(loop, strict=Strict(LIMIT, report=seen.append))
    loop.run_until_complete(asyncio.sleep(0.01))
    hold()
    loop.run_until_complete(asyncio.sleep(0.2))
    loop.close()
    assert not seen


@in_fresh_python
def test_a_child_of_a_fork_may_be_strict_itself() -> None:
    import os
    import time

    import greenbridge
    from greenbridge._hubs import current_hub

    seen: list[Any] = []

    def main() -> None:
        greenbridge.spawn(time.sleep, 0.7).join()
        while not seen:
            greenbridge.sleep(0.01)

    def parent() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the watchdog is an OS thread
            pid = os.fork()
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
            return
        code = 1
        try:
            strict = greenbridge.Strict(0.2, report=seen.append)
            greenbridge.spawn(greenbridge.sleep, 0).join()
            hub = current_hub()
            assert hub is not None
            greenbridge.install(hub.loop, strict=strict)
            main()
            assert [found.what for found in seen] == ["time.sleep"]
            code = 0
        finally:
            os._exit(code)

    greenbridge.run(parent, strict=True)
    assert not seen


def test_run_takes_strict_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import ctypes, time, greenbridge\n"
        "def holds():\n"
        "    ctypes.CDLL(None).usleep(1_000_000)\n"
        "threads = [greenbridge.spawn(time.sleep, 1.5), greenbridge.spawn(holds)]\n"
        "for thread in threads: thread.join()\n"
    )
    for words in (["--strict"], ["run", "--strict=0.3"]):
        done = python(tmp_path, "-m", "greenbridge", *words, "shop.py")
        assert "shop.py:3: LoopHeldWarning: ctypes.CDLL(None).usleep at " in done.stderr
        assert done.returncode == 0
    done = python(tmp_path, "-m", "greenbridge", "--strict=30", "shop.py")
    assert (done.stderr, done.returncode) == ("", 0)
