"""What holds of single primitives: arguments, reentrancy, bare callbacks, forks."""

from __future__ import annotations

import asyncio
import os
import queue as stdlib_queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
import greenbridge.testing
from greenbridge import _sync

from .green import LONG, SHORT, in_green
from .outcomes import came_to
from .soak_sync import soak
from .sync_worlds import in_worlds, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython


NATIVE_LOCK = type(threading.Lock())


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
    if arguments == (True, 0):
        # SimpleQueue of CPython 3.10 waits for ever if more than a microsecond passes in it, which
        # it then takes off its time of 0. Queue gives the answer that both should.
        original = stdlib_queue.Queue()
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
