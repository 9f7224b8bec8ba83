"""``run``: results, errors, Ctrl-C, what is refused; several hubs in a process."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import HubConflictError, LoopMismatchError, await_, run, sleep, spawn
from greenbridge._hub import HUBS
from greenbridge._hubs import current_hub

from .green import LONG, SHORT, in_green, run_green

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import FreshPython

    Factory = Callable[[], asyncio.AbstractEventLoop]


class Boom(Exception):
    pass


@pytest.fixture(autouse=True)
def _no_hub_is_left() -> Iterator[None]:
    assert current_hub() is None
    yield
    assert current_hub() is None
    assert asyncio._get_running_loop() is None


# -- results -----------------------------------------------------------------------------------


def test_a_function(loop_factory: Factory) -> None:
    def main(a: int, b: int) -> int:
        sleep(0)
        return a + b

    assert run(main, 1, 2, loop_factory=loop_factory) == 3


def test_a_coroutine_function(loop_factory: Factory) -> None:
    async def main(a: int) -> int:
        await asyncio.sleep(0)
        sleep(0)
        assert asyncio.get_running_loop().get_task_factory() is not None
        return a

    assert run(main, 1, loop_factory=loop_factory) == 1


def test_uvloop_is_the_default_where_it_exists() -> None:
    async def which() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(which) == ("asyncio" if sys.platform == "win32" else "uvloop")


@pytest.mark.parametrize("error", [Boom, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_errors_come_out(error: type[BaseException], loop_factory: Factory) -> None:
    def fails() -> None:
        sleep(0)
        raise error

    async def fails_async() -> None:
        await asyncio.sleep(0)
        raise error

    for main in (fails, fails_async):
        with pytest.raises(error):
            run_green(main, loop_factory=loop_factory)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_thread_that_exits_ends_the_program(
    error: type[BaseException], loop_factory: Factory
) -> None:
    def child() -> None:
        sleep(0)
        raise error

    def main() -> None:
        spawn(child)
        sleep(LONG)

    async def main_async() -> None:
        spawn(child)
        await asyncio.sleep(LONG)

    for function in (main, main_async):
        with pytest.raises(error):
            run_green(function, loop_factory=loop_factory)


def test_run_can_be_called_again(loop_factory: Factory) -> None:
    for i in range(3):
        assert run_green(lambda: spawn(lambda: i).get(), loop_factory=loop_factory) == i  # noqa: B023


def test_repeated_runs_leave_no_exit_handlers() -> None:
    import atexit

    run(lambda: None)
    count: Any = getattr(atexit, "_ncallbacks")  # noqa: B009  # typeshed does not know it
    before = count()
    for _ in range(5):
        run(lambda: None)
    assert count() == before


# -- Ctrl-C ------------------------------------------------------------------------------------


def interrupt_soon() -> None:
    def later() -> None:
        time.sleep(0.05)
        signal.raise_signal(signal.SIGINT) if sys.platform == "win32" else signal.pthread_kill(
            main_ident, signal.SIGINT
        )

    main_ident = threading.main_thread().ident or 0
    threading.Thread(target=later).start()


@pytest.mark.parametrize("how", ["sleep", "await_", "busy", "child"])
def test_ctrl_c_is_raised_in_a_function(how: str, loop_factory: Factory) -> None:
    log: list[str] = []

    def busy() -> None:
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:
            pass

    def main() -> None:
        child = spawn(busy) if how == "child" else spawn(sleep, LONG)
        try:
            interrupt_soon()
            if how == "await_":
                await_(asyncio.sleep(LONG))
            elif how == "busy":
                busy()
            else:
                sleep(LONG)
        except KeyboardInterrupt:
            log.append("here")
            raise
        finally:
            child.kill()

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_green(main, loop_factory=loop_factory)
    assert log == ["here"]
    assert time.monotonic() - began < LONG / 2


def test_ctrl_c_cancels_a_coroutine(loop_factory: Factory) -> None:
    log: list[str] = []

    async def main() -> None:
        try:
            interrupt_soon()
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            log.append("cancelled")
            await asyncio.sleep(0)
            sleep(0)
            log.append("cleaned up")
            raise

    with pytest.raises(KeyboardInterrupt):
        run_green(main, loop_factory=loop_factory)
    assert log == ["cancelled", "cleaned up"]


def test_a_ctrl_c_that_comes_when_main_ends_is_not_lost(loop_factory: Factory) -> None:
    def main() -> None:
        hub: Any = current_hub()
        hub.root.interrupt(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        run_green(main, loop_factory=loop_factory)


PROGRAM = """
import asyncio, os, signal, sys
import greenbridge
from greenbridge import sleep, spawn

def child():
    try:
        sleep(60)
    finally:
        print("child unwound", flush=True)

def stubborn():
    try:
        sleep(60)
    finally:
        print("cleaning up", flush=True)
        greenbridge.await_(interrupt_soon())
        sleep(60)

async def interrupt_soon():
    # In a callback of the loop: everything else is parked then.
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)

def sync():
    spawn(child)
    spawn(stubborn)
    greenbridge.await_(interrupt_soon())
    sleep(60)

async def coroutine():
    spawn(child)
    spawn(stubborn)
    await interrupt_soon()
    await asyncio.sleep(60)

loops = {"uvloop": None, "asyncio": asyncio.new_event_loop}
greenbridge.run(globals()[sys.argv[1]], loop_factory=loops[sys.argv[2]])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("main", ["sync", "coroutine"])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_second_ctrl_c_gives_up_on_the_clean_up(
    main: str, loop: str, fresh_python: FreshPython
) -> None:
    done = fresh_python(PROGRAM, main, loop, check=False, timeout=LONG)
    assert sorted(done.stdout.splitlines()) == ["child unwound", "cleaning up"]
    assert done.returncode == -signal.SIGINT, done
    assert done.stderr.endswith("KeyboardInterrupt\n")
    assert "pending" not in done.stderr


# -- bad input ---------------------------------------------------------------------------------


def test_what_is_no_function_is_refused() -> None:
    async def main() -> None:
        pass

    with pytest.raises(TypeError, match="needs a function"):
        run(1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"Write run\(main\)"):
        run(main())  # type: ignore[call-overload]


def test_run_inside_a_running_loop_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(HubConflictError, match="run_sync"):
            run(print)

    asyncio.run(main())


@in_green
def test_run_inside_run_is_refused_and_changes_nothing() -> None:
    with pytest.raises(HubConflictError):
        run(print)
    with pytest.raises(HubConflictError):
        spawn(run, print).get()
    sleep(0)
    assert spawn(lambda: 1).get() == 1


def test_a_loop_factory_that_makes_no_usable_loop_is_refused() -> None:
    closed = asyncio.new_event_loop()
    closed.close()
    with pytest.raises(LoopMismatchError, match="closed"):
        run(print, loop_factory=lambda: closed)
    with pytest.raises(TypeError):
        run(print, loop_factory=lambda: None)  # type: ignore[arg-type,return-value]

    def fails() -> Any:
        raise Boom

    with pytest.raises(Boom):
        run(print, loop_factory=fails)
    assert not [hub for hub in HUBS if hub.owned]


def test_joining_in_a_bare_coroutine_is_refused() -> None:
    async def main() -> None:
        thread = spawn(sleep, SHORT)
        for wait in (thread.join, thread.get, lambda: greenbridge.joinall([thread])):
            with pytest.raises(greenbridge.BlockingSwitchError, match="await"):
                wait()
        assert not thread._links
        await thread
        thread.join()

    asyncio.run(main())


# -- the program's own loop --------------------------------------------------------------------


def test_a_script_starts_a_hub_of_its_own(fresh_python: FreshPython) -> None:
    fresh_python(
        "import greenbridge as g\n"
        "t = g.spawn(lambda: (g.sleep(0), 5)[1])\n"
        "assert t.get() == 5\n"
        "assert g.is_green()\n"
        "import asyncio\n"
        "assert g.await_(asyncio.sleep(0, 6)) == 6\n"
    )


def test_a_loop_after_spawn_in_a_script_is_told_apart_from_the_hub(
    fresh_python: FreshPython,
) -> None:
    fresh_python(
        "import asyncio, greenbridge as g\n"
        "t = g.spawn(lambda: 5)\n"
        "async def main():\n"
        "    for call in (lambda: g.spawn(print), lambda: g.await_(asyncio.sleep(0))):\n"
        "        try: call()\n"
        "        except g.GreenbridgeError as e: assert 'greenbridge.run' in str(e), e\n"
        "        else: raise AssertionError(call)\n"
        "    try: await t\n"
        "    except g.HubConflictError: pass\n"
        "    g.sleep(0.01)\n"
        "    await asyncio.sleep(0)\n"
        "    return 7\n"
        "assert asyncio.run(main()) == 7\n"
        "assert t.get() == 5\n"
    )
