"""The main program's ``asyncio.run``: Ctrl-C and the signal handlers of its loop."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

import greenbridge
from greenbridge import _originals, sleep, spawn

from .fresh import in_fresh_python
from .green import LONG, SHORT
from .program_loops import Ticker


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
