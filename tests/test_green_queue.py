"""queue and concurrent.futures, patched: as the originals, greenly; a loop's own stay real."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
import time
import weakref
from typing import Any

import pytest

import greenbridge
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python

#: Seconds far above what anything here takes.
LONG = 30.0
CLASSES = ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")


@in_fresh_python
def test_the_stand_ins_are_subclasses_and_come_back() -> None:
    originals = [getattr(queue, name) for name in CLASSES]
    before: Any = queue.Queue()
    with greenbridge.patch_all():
        for name, original in zip(CLASSES, originals, strict=True):
            green = getattr(queue, name)
            assert issubclass(green, original)
            assert green is not original
            assert isinstance(green(), original)
            assert green[int] is not None

        class Mine(queue.Queue):  # type: ignore[type-arg]
            def _init(self, maxsize: int) -> None:
                self.queue: Any = set()

            def _put(self, item: Any) -> None:
                self.queue.add(item)

            def _get(self) -> Any:
                return self.queue.pop()

        mine = Mine(2)
        mine.put("x")
        mine.put("x")
        assert mine.get() == "x"
        assert mine.empty()
        before.put(1)
        assert before.get() == 1
    assert [getattr(queue, name) for name in CLASSES] == originals


@in_fresh_python
def test_a_getter_parks_and_others_run() -> None:
    greenbridge.patch_all()

    def body() -> None:
        for name in CLASSES:
            items = getattr(queue, name)()
            producer = threading.Timer(0.01, items.put, [1])
            producer.start()
            with assert_switches():
                assert items.get(timeout=LONG) == 1
            with pytest.raises(queue.Empty):
                items.get(timeout=0.01)
            with pytest.raises(queue.Empty):
                items.get_nowait()
            producer.join()

    greenbridge.run(body)


@in_fresh_python
def test_put_in_a_finalizer_while_the_queue_is_held() -> None:
    greenbridge.patch_all()
    items: queue.Queue[str] = queue.Queue()

    class Thing:
        pass

    def body() -> None:
        thing = Thing()
        weakref.finalize(thing, items.put, "gone")
        with items.mutex:
            del thing
        assert items.get(timeout=LONG) == "gone"

    greenbridge.run(body)


@in_fresh_python
def test_an_executor_of_the_program_runs_its_jobs_greenly() -> None:
    greenbridge.patch_all()
    main = threading.get_native_id()
    go = threading.Event()

    def job(number: int) -> int:
        assert threading.get_native_id() == main
        time.sleep(0.01)
        return number

    def body() -> None:
        with concurrent.futures.ThreadPoolExecutor(20, thread_name_prefix="mine") as executor:
            assert isinstance(executor, concurrent.futures.Executor)
            with assert_switches():
                assert list(executor.map(job, range(100))) == list(range(100))
            futures = [executor.submit(job, n) for n in range(5)]
            done, pending = concurrent.futures.wait(futures, timeout=LONG)
            assert (len(done), len(pending)) == (5, 0)
            assert sorted(f.result() for f in concurrent.futures.as_completed(futures)) == [
                *range(5)
            ]
            failing = executor.submit(int, "x")
            with pytest.raises(ValueError, match="invalid literal"):
                failing.result(LONG)
            slow = executor.submit(go.wait, LONG)
            with pytest.raises(concurrent.futures.TimeoutError):
                slow.result(0.01)
            assert {thread.native_id for thread in executor._threads} == {main}
            assert all(thread.name.startswith("mine") for thread in executor._threads)
            go.set()

    greenbridge.run(body)


@in_fresh_python
def test_a_loops_own_threads_are_real_and_an_executor_of_ours_may_be_lent_to_it() -> None:
    greenbridge.patch_all()
    main = threading.get_native_id()

    async def body() -> None:
        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(threading.get_native_id) != main
        assert await loop.run_in_executor(None, threading.get_native_id) != main
        began = time.monotonic()
        await asyncio.wait_for(asyncio.to_thread(int, "1"), LONG)
        assert time.monotonic() - began < LONG / 2
        with concurrent.futures.ThreadPoolExecutor(2) as ours:
            assert await loop.run_in_executor(ours, threading.get_native_id) == main

    asyncio.run(body())
    greenbridge.run(body)


@in_fresh_python
def test_an_executor_whose_jobs_never_run_out_lets_others_run() -> None:
    greenbridge.patch_all()
    again = True
    jobs = 0

    with concurrent.futures.ThreadPoolExecutor(1) as executor:

        def job() -> None:
            nonlocal jobs
            jobs += 1
            if again:
                executor.submit(job)

        executor.submit(job)
        time.sleep(0.01)
        assert jobs
        again = False


@in_fresh_python
def test_a_shutdown_leaves_the_jobs_that_workers_would_have_begun() -> None:
    greenbridge.patch_all()
    executor = concurrent.futures.ThreadPoolExecutor(3)
    jobs = [executor.submit(time.sleep, 0.01) for _ in range(10)]
    executor.shutdown(cancel_futures=True)
    assert [job.cancelled() for job in jobs] == [False] * 3 + [True] * 7
    assert all(job.done() for job in jobs)
