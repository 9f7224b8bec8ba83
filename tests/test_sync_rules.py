"""What holds of single primitives: arguments, reentrancy, bare callbacks, forks."""

from __future__ import annotations

import asyncio
import gc
import os
import queue as stdlib_queue
import signal
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
import greenbridge.testing
from greenbridge import _sync
from greenbridge._hubs import get_hub

from .green import LONG, SHORT, in_green
from .soak_sync import soak
from .sync_worlds import in_worlds, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython

NATIVE_LOCK = type(threading.Lock())


def came_to(call: Callable[[], Any]) -> tuple[type, Any]:
    try:
        value = call()
    except Exception as error:
        return type(error), str(error)
    return type(value), value


@pytest.fixture(params=["original", "ours"])
def sync(request: pytest.FixtureRequest) -> Any:
    if request.param == "ours":
        return _sync

    class Originals:
        Lock = staticmethod(threading.Lock)
        RLock = threading.RLock
        Event = threading.Event
        Condition = threading.Condition
        Semaphore = threading.Semaphore
        BoundedSemaphore = threading.BoundedSemaphore
        Queue = stdlib_queue.Queue
        SimpleQueue = stdlib_queue.SimpleQueue

    return Originals


ARGUMENTS: list[tuple[Any, ...]] = [
    (),
    (True,),
    (False,),
    (True, -1),
    (True, 0),
    (True, 0.5),
    (False, 1),
    (False, 0),
    (True, -2),
    (True, 1e100),
    (True, float("nan")),
    (True, "1"),
    (True, None),
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=repr)
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_lock_takes_the_arguments_of_the_original(kind: str, arguments: Any) -> None:
    original, ours = getattr(threading, kind)(), getattr(_sync, kind)()
    assert came_to(lambda: ours.acquire(*arguments)) == came_to(
        lambda: original.acquire(*arguments)
    )


@pytest.mark.parametrize("arguments", ARGUMENTS[:9], ids=repr)
def test_semaphore_takes_the_arguments_of_the_original(arguments: Any) -> None:
    original, ours = threading.Semaphore(1), _sync.Semaphore(1)
    assert came_to(lambda: ours.acquire(*arguments)) == came_to(
        lambda: original.acquire(*arguments)
    )


@pytest.mark.parametrize("arguments", [(False,), (True, 0), (True, -1), (False, -1)], ids=repr)
@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue", "LifoQueue", "PriorityQueue"])
def test_an_empty_queue_answers_as_the_original(kind: str, arguments: Any) -> None:
    original, ours = getattr(stdlib_queue, kind)(), getattr(_sync, kind)()
    assert came_to(lambda: ours.get(*arguments)) == came_to(lambda: original.get(*arguments))


@pytest.mark.parametrize("arguments", [(False,), (True, 0), (True, -1), (False, -1)], ids=repr)
def test_a_full_queue_answers_as_the_original(arguments: Any) -> None:
    original, ours = stdlib_queue.Queue[int](1), _sync.Queue[int](1)
    original.put(1)
    ours.put(1)
    assert came_to(lambda: ours.put(2, *arguments)) == came_to(lambda: original.put(2, *arguments))


def test_a_timeout_that_is_no_number_is_refused() -> None:
    """As from Python 3.14 on; before it, the originals wait for ever or not at all."""
    nan = float("nan")
    condition = _sync.Condition()
    calls: list[Callable[..., object]] = [
        _sync.Event().wait,
        _sync.Queue[int]().get,
        _sync.SimpleQueue[int]().get,
        _sync.Semaphore(0).acquire,
    ]
    for call in calls:
        with pytest.raises(ValueError, match="NaN"):
            call(timeout=nan)
    with condition, pytest.raises(ValueError, match="NaN"):
        condition.wait(nan)


@in_green
def test_asking_for_no_time_lets_nobody_else_run() -> None:
    """As the originals. An executor asks so while it holds a lock that others take natively."""
    lock, rlock, semaphore, queue = (
        _sync.Lock(), _sync.RLock(), _sync.Semaphore(0), _sync.SimpleQueue[int]()
    )  # fmt: skip
    lock.acquire()
    greenbridge.spawn(rlock.acquire).join()
    with greenbridge.testing.assert_switches(exactly=0):
        assert not lock.acquire(timeout=0)
        assert not rlock.acquire(timeout=0)
        assert not semaphore.acquire(timeout=0)
        with pytest.raises(stdlib_queue.Empty):
            queue.get(timeout=0)


def test_errors_of_misuse(sync: Any) -> None:
    with pytest.raises(RuntimeError):
        sync.Lock().release()
    with pytest.raises(RuntimeError):
        sync.RLock().release()
    with pytest.raises(RuntimeError, match="un-acquired lock"):
        sync.Condition().wait()
    with pytest.raises(RuntimeError, match="un-acquired lock"):
        sync.Condition().notify()
    with pytest.raises(ValueError, match="must be >= 0"):
        sync.Semaphore(-1)
    with pytest.raises(ValueError, match="one or more"):
        sync.Semaphore().release(0)
    with pytest.raises(ValueError, match="too many times"):
        sync.BoundedSemaphore(2).release()
    with pytest.raises(ValueError, match="called too many times"):
        sync.Queue().task_done()


def test_the_waiting_kinds_are_subclasses_of_the_originals() -> None:
    for name in ("Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier"):
        assert issubclass(getattr(_sync, name), getattr(threading, name))
    for name in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"):
        assert issubclass(getattr(_sync, name), getattr(stdlib_queue, name))
        assert getattr(_sync, name)[int]().empty()


def test_a_subclass_may_replace_how_a_queue_keeps_its_items(sync: Any) -> None:
    class Unique(sync.Queue):  # type: ignore[misc]
        def _init(self, maxsize: int) -> None:
            self.queue: dict[Any, None] = {}

        def _put(self, item: Any) -> None:
            self.queue[item] = None

        def _get(self) -> Any:
            return self.queue.popitem()[0]

        def drain(self) -> int:
            with self.not_empty:
                while not self._qsize():
                    self.not_empty.wait()
                n = self._qsize()
                self.queue.clear()
                self.not_full.notify_all()
                return int(n)

    queue = Unique(2)
    for item in "aa", "b":
        queue.put(item)
    assert queue.full()
    assert queue.drain() == 2
    assert queue.empty()
    with queue.mutex:
        queue.queue["c"] = None
    assert queue.get(timeout=1) == "c"


@in_green
def test_code_under_a_subclass_and_queue_operations_wake_each_other() -> None:
    queue = _sync.Queue[int](1)

    def take() -> int:
        with queue.not_empty:
            while not queue._qsize():
                queue.not_empty.wait()
            item: int = queue._get()
            queue.not_full.notify()
            return item

    taker = greenbridge.spawn(take)
    until(lambda: bool(queue._getters))
    queue.put(1)
    assert taker.get(timeout=LONG) == 1
    assert queue._items_promised == 0
    queue.put(2)
    putter = greenbridge.spawn(queue.put, 3)
    until(lambda: bool(queue._putters))
    assert take() == 2
    putter.get(timeout=LONG)
    assert queue.get() == 3


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Queue.shutdown came with Python 3.13")
def test_shutdown_wakes_everybody(loop_factory: Any) -> None:
    def body() -> None:
        queue: Any = _sync.Queue[int](1)
        gets = [greenbridge.spawn(queue.get) for _ in range(2)]
        native = threading.Thread(target=lambda: gets.append(came_to(queue.get)))  # type: ignore[arg-type]
        native.start()
        until(lambda: len(queue._getters) == 3)
        queue.shutdown()
        for each in gets[:2]:
            with pytest.raises(stdlib_queue.ShutDown):  # type: ignore[attr-defined]
                each.get(timeout=LONG)
        until(lambda: not native.is_alive())
        assert gets[2][0] is stdlib_queue.ShutDown  # type: ignore[index, attr-defined]

    in_worlds(body, loop_factory)


# -- owners ----------------------------------------------------------------------------------------


def test_rlock_belongs_to_a_green_thread_a_task_a_native_thread(loop_factory: Any) -> None:
    def body() -> None:
        lock = _sync.RLock()
        with lock:
            assert lock.acquire(False)
            lock.release()
            assert greenbridge.spawn(lock.acquire, False).get() is False

        async def owner() -> None:
            async with lock:
                with lock:  # the same Task, in sync code
                    await asyncio.sleep(SHORT)
                other = asyncio.create_task(other_task())
                assert await other is False

        async def other_task() -> bool:
            return lock.acquire(False)

        greenbridge.await_(owner())
        assert not lock.locked()

    in_worlds(body, loop_factory)


# -- code that cannot wait -------------------------------------------------------------------------


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


# -- conditions, barriers --------------------------------------------------------------------------


@in_green
def test_a_killed_condition_wait_has_the_lock_again() -> None:
    condition = _sync.Condition()
    seen = []

    def wait() -> None:
        with condition:
            try:
                condition.wait()
            finally:
                seen.append(condition._is_owned())

    waiting = greenbridge.spawn(wait)
    until(lambda: bool(condition._waiters))
    with condition:
        waiting.kill(block=False)
        greenbridge.sleep(SHORT)
        assert seen == []  # it waits for the lock
        waiting.kill(KeyError, block=False)  # and is killed once more
        greenbridge.sleep(SHORT)
    waiting.join(LONG)
    assert seen == [True]
    with condition:  # it has given it back
        pass


@in_green
def test_a_notification_for_a_killed_waiter_goes_to_the_next() -> None:
    condition = _sync.Condition()

    def wait() -> bool:
        with condition:
            return condition.wait()

    first, second = greenbridge.spawn(wait), greenbridge.spawn(wait)
    until(lambda: len(condition._waiters) == 2)
    with condition:
        condition.notify()
    first.kill(block=False)
    until(lambda: first.ready())
    if first.value is not True:  # killed before it ran
        assert second.get(timeout=LONG) is True
    else:
        with condition:
            condition.notify()
        assert second.get(timeout=LONG) is True


async def test_coroutines_use_condition_and_barrier() -> None:
    condition, barrier = _sync.Condition(), _sync.Barrier(2)
    ready: list[int] = []

    async def consume() -> bool:
        async with condition:
            return bool(await condition.wait_for_async(lambda: ready, LONG))

    consumer = asyncio.create_task(consume())
    await asyncio.sleep(SHORT)
    async with condition:
        ready.append(1)
        condition.notify_all()
    assert await consumer is True
    async with condition:
        assert await condition.wait_async(SHORT) is False
    assert sorted(await asyncio.gather(barrier.wait_async(), barrier.wait_async())) == [0, 1]
    with pytest.raises(threading.BrokenBarrierError):
        await barrier.wait_async(SHORT)


async def test_a_cancelled_coroutine_passes_on_what_it_was_given() -> None:
    lock = _sync.Lock()
    await lock.acquire_async()
    first = asyncio.create_task(lock.acquire_async())
    second = asyncio.create_task(lock.acquire_async())
    await asyncio.sleep(SHORT)
    lock.release()
    first.cancel()
    assert await second is True
    assert first.cancelled()


async def test_timeouts_of_coroutines() -> None:
    lock, semaphore = _sync.Lock(), _sync.Semaphore(0)
    async with lock:
        assert await lock.acquire_async(SHORT) is False
    assert await semaphore.acquire_async(SHORT) is False
    assert await _sync.Event().wait_async(SHORT) is False
    with pytest.raises(stdlib_queue.Empty):
        await _sync.Queue[int]().get_async(SHORT)
    with pytest.raises(stdlib_queue.Empty):
        await _sync.SimpleQueue[int]().get_async(SHORT)
    with pytest.raises(TimeoutError):
        await _sync.Outcome[int]().get_async(SHORT)


@in_green
def test_condition_over_a_native_lock_lets_others_run() -> None:
    lock = threading.Lock()
    condition = _sync.Condition(lock)

    def wait() -> bool:
        with condition:
            return condition.wait(LONG)

    waiting = greenbridge.spawn(wait)
    until(lambda: bool(condition._waiters))
    with condition:
        condition.notify()
        greenbridge.sleep(SHORT)
        assert not waiting.ready()
    assert waiting.get(timeout=LONG) is True


# -- forks, permits, repr --------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")
def test_after_a_fork_nothing_is_handed_to_the_parent_s_waiters(fresh_python: FreshPython) -> None:
    fresh_python(
        """
import os, threading, time, warnings
from greenbridge import _sync
warnings.simplefilter("ignore", DeprecationWarning)  # fork() with threads, from 3.12 on
lock, q = _sync.Lock(), _sync.Queue()
lock.acquire()
for call in (lock.acquire, q.get):
    threading.Thread(target=call, daemon=True).start()
while not (lock._line and q._getters):
    time.sleep(0.001)
pid = os.fork()
if not pid:
    lock.release()
    q.put(1)
    os._exit(0 if lock.acquire(timeout=5) and q.get(timeout=5) == 1 else 1)
status = os.waitpid(pid, 0)[1]
os._exit(os.waitstatus_to_exitcode(status))
"""
    )


def test_a_semaphore_of_many_permits_is_small() -> None:
    semaphore = _sync.Semaphore(10**12)
    assert semaphore.acquire()
    assert semaphore._value == 10**12 - 1
    semaphore.release()
    assert repr(semaphore).endswith(f"value={10**12}>")


def test_reprs_say_the_state() -> None:
    lock, rlock = _sync.Lock(), _sync.RLock()
    with lock, rlock:
        assert repr(lock).startswith("<locked greenbridge.Lock object at 0x")
        assert "count=1" in repr(rlock)
    assert repr(lock).startswith("<unlocked greenbridge.Lock object at 0x")
    assert repr(_sync.Event()).startswith("<greenbridge.Event at 0x")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_soak(loop: str) -> None:
    state = soak(1.5, seed=int(time.time()), loop=loop)
    assert state.done["blocking"] > 100
    assert state.done["interrupted"] + state.done["cancelled"] > 10
