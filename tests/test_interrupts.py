"""Ctrl-C at any moment: the program gets it, and the hub is never left half-way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fresh import in_fresh_python

if TYPE_CHECKING:
    from tests.conftest import FreshPython

# Sends itself SIGINT at random moments of a busy hub, many times, and checks each time that the
# KeyboardInterrupt came out of the main program and that green threads still run.
STORM = """
import os, random, signal, threading, time
import greenbridge
from greenbridge import sleep, spawn

random.seed({seed})
done = 0


def busy():
    global done
    while True:
        sleep(0)
        sleep(0.0001)
        done += 1


def storm():
    for turn in range(60):
        threads = [spawn(busy) for _ in range(3)]  # one may be the one that is interrupted
        timer = threading.Timer(random.random() / 100, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            while True:
                sleep(0.001)
        except KeyboardInterrupt:
            pass
        timer.join()
        before = done
        deadline = time.monotonic() + 10
        while done < before + 6:
            assert time.monotonic() < deadline, "green threads stand still after a Ctrl-C"
            sleep(0.001)
        greenbridge.killall(threads)


greenbridge.run(storm, loop_factory={factory})
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
print("calm")
"""


@pytest.mark.parametrize("factory", ["None", "__import__('asyncio').SelectorEventLoop"])
def test_an_interrupt_never_leaves_the_hub_half_way(
    fresh_python: FreshPython, factory: str
) -> None:
    code = STORM.format(seed=11, factory=factory)
    result = fresh_python(code)
    assert result.stdout.strip() == "calm", result.stderr


@in_fresh_python
def test_a_thread_that_computes_without_a_pause_is_interrupted() -> None:
    import os
    import signal
    import threading

    import greenbridge

    def compute() -> None:
        while True:
            pass

    def main() -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        greenbridge.spawn(compute).join()

    try:
        greenbridge.run(main)
    except KeyboardInterrupt:
        return
    raise AssertionError("no KeyboardInterrupt")


@in_fresh_python
def test_a_handler_of_the_programs_own_is_left_alone() -> None:
    import os
    import signal

    import greenbridge

    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    own = signal.getsignal(signal.SIGINT)

    def main() -> None:
        greenbridge.spawn(int).join()
        os.kill(os.getpid(), signal.SIGINT)
        greenbridge.sleep(0.01)

    greenbridge.run(main)
    assert seen == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is own
