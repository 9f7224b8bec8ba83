"""Primitives in code that cannot wait: finalizers, signal handlers, bare callbacks of the loop."""

from __future__ import annotations

import gc
import signal
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
import greenbridge.testing
from greenbridge import _sync
from greenbridge._hubs import get_hub

from .green import LONG
from .outcomes import came_to
from .sync_worlds import in_worlds, until

if TYPE_CHECKING:
    from collections.abc import Callable


class Finalized:
    """Something with a weakref finalizer, in a reference cycle: it runs in the collector."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.cycle = self
        weakref.finalize(self, call)


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"])
def test_put_from_a_finalizer_inside_get(kind: str) -> None:
    """https://github.com/gevent/gevent/issues/1957"""
    queue: Any = getattr(_sync, kind)()
    if kind != "SimpleQueue":
        get = queue._get

        def collect_and_get() -> Any:
            Finalized(lambda: queue.put(2))
            gc.collect()
            assert queue._qsize() == 1  # put in later, by whoever holds the queue
            assert queue.qsize() == 2
            return get()

        queue._get = collect_and_get
    else:
        Finalized(lambda: queue.put(2))
    queue.put(1)
    assert queue.get(timeout=LONG) == 1
    gc.collect()
    if kind != "SimpleQueue":
        queue._get = get
    assert queue.get(timeout=LONG) == 2
    assert queue.empty()


def test_finalizers_at_any_point_lose_nothing(loop_factory: Any) -> None:
    """Collections at every allocation: finalizers put, set and release within everything."""

    def body() -> None:
        queue, semaphore = _sync.Queue[int](), _sync.Semaphore(0)
        before = gc.get_threshold()
        made = 0
        got = []

        def consume() -> None:
            for _ in range(200):
                got.append(queue.get())
                semaphore.acquire()

        def last_words(n: int) -> None:
            queue.put(n)
            semaphore.release()

        consumer = greenbridge.spawn(consume)
        native = threading.Thread(target=consume)
        native.start()
        gc.set_threshold(1, 1, 1)
        try:
            while made < 400:
                Finalized(lambda n=made: last_words(n))  # type: ignore[misc]
                made += 1
                greenbridge.sleep(0)
        finally:
            gc.set_threshold(*before)
        gc.collect()
        consumer.get(timeout=LONG)
        until(lambda: not native.is_alive())
        assert sorted(got) == list(range(400))

    in_worlds(body, loop_factory)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers on Windows")
def test_signal_handlers_wake_whoever_is_parked(loop_factory: Any) -> None:
    def body() -> None:
        event, queue = _sync.Event(), _sync.Queue[int]()

        def handler(*_: object) -> None:
            event.set()
            queue.put(5)

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        began = time.monotonic()
        try:
            item = greenbridge.spawn(queue.get)
            assert event.wait(LONG)
            assert item.get(timeout=LONG) == 5
        finally:
            signal.signal(signal.SIGALRM, before)
        assert time.monotonic() - began < LONG / 2

    in_worlds(body, loop_factory)


def test_a_bare_callback_may_do_what_does_not_block(loop_factory: Any) -> None:
    def body() -> None:
        lock, event, queue = _sync.Lock(), _sync.Event(), _sync.Queue[int]()
        lock.acquire()
        waiting = [greenbridge.spawn(call) for call in (lock.acquire, event.wait, queue.get)]

        def callback() -> None:
            lock.release()
            event.set()
            queue.put(1)

        until(lambda: bool(queue._getters))
        get_hub().loop.call_soon(callback)
        assert [each.get(timeout=LONG) for each in waiting] == [True, True, 1]

    in_worlds(body, loop_factory)


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_a_bare_callback_that_could_never_get_a_lock_is_told(kind: str, loop_factory: Any) -> None:
    def body() -> None:
        lock = getattr(_sync, kind)()
        done = _sync.Event()

        def hold() -> None:
            with lock:
                done.wait()

        outcome = _sync.Outcome[tuple[type, Any]]()
        holder = greenbridge.spawn(hold)
        until(lock.locked)
        get_hub().loop.call_soon(lambda: outcome.set_value(came_to(lock.acquire)))
        kind_of_error, text = outcome.get(LONG)
        assert kind_of_error is greenbridge.BlockingSwitchError
        assert "acquire" in text or "_async()" in text
        done.set()
        holder.get(timeout=LONG)

    in_worlds(body, loop_factory)


def test_a_bare_callback_waits_for_a_native_thread(loop_factory: Any) -> None:
    def body() -> None:
        lock, taken = _sync.Lock(), _sync.Event()

        def hold() -> None:
            with lock:
                taken.set()
                time.sleep(0.02)

        native = threading.Thread(target=hold)
        native.start()
        taken.wait()
        outcome = _sync.Outcome[bool]()
        get_hub().loop.call_soon(lambda: outcome.set_value(lock.acquire()))
        assert outcome.get(LONG) is True
        native.join()

    in_worlds(body, loop_factory)
