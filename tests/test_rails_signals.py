"""Waits in signal handlers: for real, or an error that says why not."""

from __future__ import annotations

import asyncio
from typing import Any

import greenbridge
from greenbridge.testing import statistics

from .fresh import in_fresh_python


@in_fresh_python
def test_a_signal_handler_waits_for_real_and_says_so_if_that_could_never_end() -> None:
    import signal

    from greenbridge._hubs import current_hub

    greenbridge.patch_all()
    import threading
    import time

    lock = threading.Lock()
    log: list[Any] = []

    def handler(signum: int, frame: Any) -> None:
        log.append(greenbridge.is_green())
        time.sleep(0.001)
        try:
            lock.acquire()
        except greenbridge.BlockingSwitchError as exc:
            log.append("a signal handler" in str(exc))

    def holds() -> None:
        with lock:
            time.sleep(30)

    def raises() -> None:
        for _ in range(3):
            before = statistics()["switches"]
            signal.raise_signal(signal.SIGUSR1)
            assert statistics()["switches"] == before
            time.sleep(0)  # a wait of this thread's own, afterwards
        log.append("raised")

    signal.signal(signal.SIGUSR1, handler)
    holder = greenbridge.spawn(holds)
    time.sleep(0.01)
    greenbridge.spawn(raises).get()
    raises()
    hub: Any = current_hub()
    hub.loop.call_soon(signal.raise_signal, signal.SIGUSR1)
    time.sleep(0.01)
    assert log == [*[False, True] * 3, "raised"] * 2 + [False, True]
    holder.kill()


@in_fresh_python
def test_what_a_signal_handler_spawns_and_wakes_runs_at_once() -> None:
    import os
    import signal
    import threading

    import greenbridge

    greenbridge.patch_all()
    import time

    def main() -> None:
        event = greenbridge.Event()
        log: list[str] = []

        def handler(signum: int, frame: Any) -> None:
            greenbridge.spawn(log.append, "spawned")
            event.set()

        signal.signal(signal.SIGUSR1, handler)
        asleep = greenbridge.original("threading", "Timer")(
            0.05, os.kill, (os.getpid(), signal.SIGUSR1)
        )
        del asleep
        pid = os.fork()
        if not pid:
            greenbridge.original("time", "sleep")(0.05)
            os.kill(os.getppid(), signal.SIGUSR1)
            os._exit(0)
        began = time.monotonic()
        assert event.wait(20)
        time.sleep(0)
        assert log == ["spawned"]
        assert time.monotonic() - began < 10
        os.waitpid(pid, 0)

    for factory in (None, asyncio.SelectorEventLoop):
        greenbridge.run(main, loop_factory=factory)
    assert threading.active_count() == 1
