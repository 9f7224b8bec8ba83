"""Each primitive between every two worlds: one waits, the other wakes it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import greenbridge
from greenbridge import _sync

from .green import SHORT
from .sync_worlds import WORLDS, Actor, in_worlds, until

KILLABLE = ("thread", "task", "coroutine")


@pytest.fixture(params=WORLDS)
def waiter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WORLDS)
def waker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=KILLABLE)
def killable(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_lock(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        lock = _sync.Lock()
        lock.acquire()
        one = Actor(waiter, lock.acquire).waits(lock._line)
        assert Actor(waker, lock.release).get() is None
        assert one.get() is True
        assert lock.locked()
        lock.release()
        assert not lock.locked()

    in_worlds(body, loop_factory)


def test_rlock(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        lock = _sync.RLock()

        def twice() -> bool:
            with lock, lock:
                until_waits.wait()
            return lock.locked()

        until_waits = _sync.Event()
        holder = Actor("native" if waker == "coroutine" else waker, twice)
        until(lock.locked)
        with pytest.raises(RuntimeError, match="un-acquired"):
            lock.release()
        one = Actor(waiter, lock.acquire).waits(lock._line)
        until_waits.set()
        assert one.get() is True
        assert holder.get() is True  # handed over, not freed
        lock._at_fork_reinit()

    in_worlds(body, loop_factory)


def test_semaphore(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        semaphore = _sync.BoundedSemaphore(1)
        assert semaphore.acquire()
        one = Actor(waiter, semaphore.acquire).waits(semaphore._line)
        Actor(waker, semaphore.release).get()
        assert one.get() is True
        semaphore.release()
        with pytest.raises(ValueError, match="too many"):
            semaphore.release()

    in_worlds(body, loop_factory)


def test_event(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        event = _sync.Event()
        waiting = [Actor(waiter, event.wait) for _ in range(3)]
        waiting[-1].waits(event._line, 3)
        Actor(waker, event.set).get()
        event.clear()
        assert [each.get() for each in waiting] == [True] * 3
        assert Actor(waiter, event.wait, "", SHORT).get() is False

    in_worlds(body, loop_factory)


def test_condition(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        condition = _sync.Condition(_sync.Lock())
        lock: Any = condition._lock

        def wait() -> bool:
            with condition:
                return condition.wait()

        def notify() -> None:
            with condition:
                condition.notify()

        one = Actor(waiter, wait).waits(condition._waiters)
        assert not lock.locked()
        Actor(waker, notify).get()
        assert one.get() is True
        assert not lock.locked()

    # A sync wait in a plain coroutine would hold the loop up.
    if waiter != "coroutine":
        in_worlds(body, loop_factory)


def test_queue_get(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        for queue in (_sync.Queue[int](), _sync.LifoQueue[int](), _sync.PriorityQueue[int]()):
            one = Actor(waiter, queue.get).waits(queue._getters)
            Actor(waker, queue.put, "", 7).get()
            assert one.get() == 7
            queue.task_done()
            Actor(waiter, queue.join).get()
        simple = _sync.SimpleQueue[int]()
        one = Actor(waiter, simple.get).waits(simple._line)
        Actor(waker, simple.put, "", 8).get()
        assert one.get() == 8

    in_worlds(body, loop_factory)


def test_queue_put(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        queue = _sync.Queue[int](1)
        queue.put(1)
        one = Actor(waiter, queue.put, "", 2).waits(queue._putters)
        assert Actor(waker, queue.get).get() == 1
        assert one.get() is None
        assert queue.get(timeout=0) == 2

    in_worlds(body, loop_factory)


def test_outcome(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        outcome = _sync.Outcome[int]()
        one = Actor(waiter, outcome.get).waits(outcome._event._line)
        assert Actor(waker, outcome.set_value, "", 5).get() is True
        assert outcome.set_error(KeyError()) is False
        assert one.get() == 5

    in_worlds(body, loop_factory)


def test_barrier(waiter: str, waker: str, loop_factory: Any) -> None:
    def body() -> None:
        barrier = _sync.Barrier(2)
        one = Actor(waiter, barrier.wait).waits(barrier._cond._waiters)
        two = Actor(waker, barrier.wait)
        assert sorted([one.get(), two.get()]) == [0, 1]

    in_worlds(body, loop_factory)


def test_first_come_first_served(waker: str, loop_factory: Any) -> None:
    def body() -> None:
        lock, order = _sync.Lock(), []
        semaphore, queue = _sync.Semaphore(0), _sync.Queue[int]()
        lock.acquire()

        def take(world: str) -> None:
            lock.acquire()
            order.append(world)
            lock.release()

        worlds = [w for w in WORLDS if w != "coroutine"] * 2
        for n, world in enumerate(worlds, 1):
            Actor(world, take, "", world).waits(lock._line, n)
        Actor(waker, lock.release).get()
        until(lambda: len(order) == len(worlds))
        assert order == worlds
        until(lambda: not lock.locked())

        waiting = [
            Actor(w, semaphore.acquire).waits(semaphore._line, n + 1) for n, w in enumerate(WORLDS)
        ]
        for each in waiting:
            assert sum(other.outcome.ready() for other in waiting) == waiting.index(each)
            Actor(waker, semaphore.release).get()
            each.get()

        getters = [Actor(w, queue.get).waits(queue._getters, n + 1) for n, w in enumerate(WORLDS)]
        for n, each in enumerate(getters):
            Actor(waker, queue.put, "", n).get()
            assert each.get() == n

    in_worlds(body, loop_factory)


def test_a_killed_waiter_leaves_the_line(killable: str, loop_factory: Any) -> None:
    def body() -> None:
        lock, queue = _sync.Lock(), _sync.Queue[int](1)
        lock.acquire()
        event, semaphore = _sync.Event(), _sync.Semaphore(0)
        for fn, line in (
            (lock.acquire, lock._line),
            (event.wait, event._line),
            (semaphore.acquire, semaphore._line),
            (queue.get, queue._getters),
        ):
            one = Actor(killable, fn).waits(line)
            assert one.kill
            one.kill()
            until(one.outcome.ready)
            assert line == []
            with pytest.raises((greenbridge.GreenExit, asyncio.CancelledError)):
                one.get()

    in_worlds(body, loop_factory)


def test_what_a_killed_waiter_was_given_goes_to_the_next(killable: str, loop_factory: Any) -> None:
    def body() -> None:
        lock, semaphore, queue = _sync.Lock(), _sync.Semaphore(0), _sync.Queue[int]()
        places = _sync.Queue[int](1)
        places.put(1)
        lock.acquire()
        for fn, args, line, give in (
            (lock.acquire, (), lock._line, lock.release),
            (semaphore.acquire, (), semaphore._line, semaphore.release),
            (queue.get, (), queue._getters, lambda: queue.put(1)),
            (places.put, (2,), places._putters, places.get),
        ):
            first = Actor(killable, fn, "", *args).waits(line, 1)
            second = Actor("thread", fn, "", *args).waits(line, 2)
            give()  # given, but not run yet ...
            assert first.kill
            first.kill()  # ... and killed
            until(first.outcome.ready)
            try:
                first.get()
            except BaseException:
                second.get()  # it was passed on
            else:  # it has kept it: the kill is raised at its next wait
                assert not second.outcome.ready()
                give()
                second.get()
            assert line == []

    in_worlds(body, loop_factory)


def test_timeouts_at_the_same_moment_as_a_wake_lose_nothing(loop_factory: Any) -> None:
    def body() -> None:
        queue, got = _sync.Queue[int](), []

        def get() -> None:
            try:
                got.append(queue.get(timeout=0.002))
            except Exception:
                got.append(-1)

        for n in range(60):
            actors = [Actor(world, get) for world in ("thread", "task", "native")]
            greenbridge.sleep(0.0015 + n * 0.00002)
            queue.put(n)
            for each in actors:
                each.get()
        while not queue.empty():
            got.append(queue.get())
        assert sorted(n for n in got if n >= 0) == list(range(60))
        assert queue._getters == [] == queue._inbox
        assert queue._items_promised == 0

    in_worlds(body, loop_factory)
