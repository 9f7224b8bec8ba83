"""Whoever asks again and again for what is not there does not keep it from coming."""

from __future__ import annotations

import asyncio
from queue import Empty
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge

from .both import as_plain_and_patched
from .green import run_green

if TYPE_CHECKING:
    from collections.abc import Callable

#: More answers than it takes until somebody looks at the clock, many times over.
MANY = 100_000


def _queue(kind: Any, method: str) -> tuple[Callable[[], bool], Callable[[], object]]:
    queue = kind()

    def is_there() -> bool:
        if method == "empty":
            return not queue.empty()
        try:
            queue.get_nowait() if method == "get_nowait" else queue.get(True, 0)
        except Empty:
            return False
        return True

    return is_there, lambda: queue.put(1)


def _event() -> tuple[Callable[[], bool], Callable[[], object]]:
    event = greenbridge.Event()
    return event.is_set, event.set


def _lock(kind: Any) -> tuple[Callable[[], bool], Callable[[], object]]:
    lock = kind()
    if kind is greenbridge.RLock:  # released by whoever has it
        holder = greenbridge.spawn(_hold, lock)
        greenbridge.sleep(0)
        return lambda: lock.acquire(False), lambda: holder.kill(block=False)
    lock.acquire()
    return lambda: lock.acquire(False), lock.release


def _hold(lock: Any) -> None:
    with lock:
        greenbridge.sleep(3600)


WAYS: dict[str, Callable[[], tuple[Callable[[], bool], Callable[[], object]]]] = {
    **{
        f"{kind.__name__}.{method}": lambda kind=kind, method=method: _queue(kind, method)  # type: ignore[misc]
        for kind in (greenbridge.Queue, greenbridge.PriorityQueue, greenbridge.SimpleQueue)
        for method in ("empty", "get_nowait", "get(timeout=0)")
        if not (kind is greenbridge.SimpleQueue and "timeout" in method)
    },
    "Event": _event,
    **{
        kind.__name__: lambda kind=kind: _lock(kind)  # type: ignore[misc]
        for kind in (greenbridge.Lock, greenbridge.RLock, greenbridge.Semaphore)
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_who_has_it_runs(loop_factory: Any, way: str) -> None:
    def main() -> None:
        is_there, bring = WAYS[way]()
        greenbridge.spawn(bring)
        while not is_there():
            pass  # nothing here waits

    run_green(main, loop_factory=loop_factory)


@pytest.mark.parametrize("way", WAYS)
def test_in_a_block_without_switches_nobody_runs(loop_factory: Any, way: str) -> None:
    def main() -> None:
        is_there, bring = WAYS[way]()
        greenbridge.spawn(bring)
        with greenbridge.no_switch():
            assert not any(is_there() for _ in range(MANY))
        while not is_there():
            pass

    run_green(main, loop_factory=loop_factory)


@pytest.mark.parametrize("way", WAYS)
def test_in_a_coroutine_nobody_runs(loop_factory: Any, way: str) -> None:
    def main() -> None:
        is_there, bring = WAYS[way]()

        async def ask() -> None:
            greenbridge.spawn(bring)
            assert not any(is_there() for _ in range(MANY))

        greenbridge.await_(ask())

    run_green(main, loop_factory=loop_factory)


def test_a_few_questions_in_vain_are_answered_without_a_switch(loop_factory: Any) -> None:
    def main() -> None:
        queue: greenbridge.Queue[int] = greenbridge.Queue()
        other = greenbridge.spawn(queue.put, 1)
        for _ in range(50):
            assert queue.empty()
        assert not other.ready()

    run_green(main, loop_factory=loop_factory)


def test_a_kill_arrives_at_who_asks_in_vain(loop_factory: Any) -> None:
    def main() -> None:
        queue: greenbridge.Queue[int] = greenbridge.Queue()

        def ask() -> None:
            while queue.empty():
                pass

        asking = greenbridge.spawn(ask)
        greenbridge.sleep(0)
        asking.kill()
        assert asking.ready()

    run_green(main, loop_factory=loop_factory)


@as_plain_and_patched
def test_whether_a_thread_lives_may_be_asked_until_it_does_not() -> None:
    import threading

    thread = threading.Thread(target=lambda: None)
    thread.start()
    while thread.is_alive():
        pass
    thread.join()


def test_asyncio_tasks_and_timers_run_as_well(loop_factory: Any) -> None:
    def main() -> None:
        queue: greenbridge.Queue[int] = greenbridge.Queue()
        greenbridge.spawn(lambda: greenbridge.await_(_later(queue)))
        while queue.empty():
            pass
        assert queue.get_nowait() == 1

    run_green(main, loop_factory=loop_factory)


async def _later(queue: greenbridge.Queue[int]) -> None:
    await asyncio.sleep(0.001)
    queue.put(1)
