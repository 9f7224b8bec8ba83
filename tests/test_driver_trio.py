"""trio's loops in green threads: each parks on its own, threads and signals are as in a thread."""

from __future__ import annotations

import importlib.util
import signal
from typing import Any

import pytest

import greenbridge
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python

# Not importorskip: the interpreters that patch must not have imported it before.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trio") is None, reason="trio is not installed (extra: compat)"
)


@in_fresh_python
def test_many_loops_run_at_once_each_with_a_deadline_and_a_thread() -> None:
    greenbridge.patch_all()
    import trio

    begun: list[int] = []
    all_have = greenbridge.Event()

    async def body(number: int) -> int:
        begun.append(number)
        if len(begun) == 20:
            all_have.set()
        await trio.to_thread.run_sync(all_have.wait)  # nobody ends before all have begun
        with trio.move_on_after(0.001) as scope:
            await trio.sleep_forever()
        assert scope.cancelled_caught
        return number

    def main() -> None:
        with assert_switches():
            threads = [greenbridge.spawn(trio.run, body, number) for number in range(20)]
            assert [thread.get(timeout=30) for thread in threads] == list(range(20))

    greenbridge.run(main)


@in_fresh_python
def test_the_portal_of_anyio_runs_beside_who_uses_it() -> None:
    greenbridge.patch_all()
    from anyio.from_thread import start_blocking_portal

    async def answer() -> int:
        import trio

        await trio.sleep(0.001)
        return 7

    def main() -> None:
        with start_blocking_portal("trio") as portal:
            assert portal.call(answer) == 7

    greenbridge.run(main)


@in_fresh_python
def test_the_wakeup_descriptor_stays_the_hubs_in_a_green_thread() -> None:
    greenbridge.patch_all()
    import trio

    async def body() -> Any:
        await trio.lowlevel.checkpoint()

    def main() -> None:
        before = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(before)
        greenbridge.spawn(trio.run, body).get(timeout=30)
        assert signal.set_wakeup_fd(before) == before

    greenbridge.run(main)
