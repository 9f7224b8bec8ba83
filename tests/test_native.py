"""``greenbridge.native``: what the stdlib gives without patches, patched or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from .fresh import in_fresh_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython

#: How a fresh interpreter gets what the tests call *lib*.
WORLDS = {
    "the stdlib's own": "from tests.test_native import stdlib; lib = stdlib()",
    "unpatched": "from greenbridge import native as lib",
    "patched": "import greenbridge.auto\nfrom greenbridge import native as lib",
    "patched later": "from greenbridge import native as lib\nimport greenbridge.auto",
}


def stdlib() -> Any:
    """The names of the module, from where the stdlib has them."""
    import _thread
    import concurrent.futures
    import queue
    import threading
    import time
    import types

    names = {**vars(threading), **vars(queue)}
    return types.SimpleNamespace(
        **{name: value for name, value in names.items() if not name.startswith("__")},
        ThreadPoolExecutor=concurrent.futures.ThreadPoolExecutor,
        sleep=time.sleep,
        start_new_thread=_thread.start_new_thread,
    )


def in_each_world(body: Callable[[Any], None]) -> Callable[[FreshPython, str], None]:
    """Decorate a test that takes the module: it runs on the stdlib's, and on native's."""

    @pytest.mark.parametrize("world", WORLDS)
    def test(fresh_python: FreshPython, world: str) -> None:
        fresh_python(
            f"{WORLDS[world]}\nfrom {body.__module__} import {body.__name__} as test\n"
            "test.body(lib)"
        )

    test.__name__ = test.__qualname__ = body.__name__
    test.__module__ = body.__module__
    test.body = body  # type: ignore[attr-defined]  # what the new interpreter calls
    return test


@in_each_world
def test_a_thread_is_an_os_thread(lib: Any) -> None:
    import asyncio
    import threading

    seen: list[Any] = []

    def work() -> None:
        seen.append((lib.get_native_id(), lib.get_ident(), threading.current_thread()))
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        if "greenbridge" in sys.modules:
            from greenbridge._hub import _local

            assert _local.hub is None

    thread = lib.Thread(target=work, name="one", daemon=True)
    assert isinstance(thread, threading.Thread)
    thread.start()
    thread.join()
    ((native_id, ident, found),) = seen
    assert native_id != threading.main_thread().native_id
    assert (ident, native_id) == (thread.ident, thread.native_id)
    assert found is thread
    assert not thread.is_alive()
    assert threading.enumerate() == [threading.main_thread()]


@in_each_world
def test_a_timer_is_on_time_while_the_main_thread_computes(lib: Any) -> None:
    import threading

    rang: list[int] = []
    timer = lib.Timer(0.01, lambda: rang.append(lib.get_native_id()))
    timer.start()
    while not rang:  # computes, and lets no green thread run
        sum(range(100))
    timer.join()
    assert rang[0] != threading.main_thread().native_id
    unwanted = lib.Timer(3600, rang.clear)
    unwanted.start()
    unwanted.cancel()
    unwanted.join()
    assert rang


@in_each_world
def test_an_executors_jobs_run_in_os_threads(lib: Any) -> None:
    import concurrent.futures
    import threading

    with lib.ThreadPoolExecutor(3, initializer=lib.sleep, initargs=(0,)) as executor:
        assert isinstance(executor, concurrent.futures.ThreadPoolExecutor)
        ids = set(executor.map(lambda _: lib.get_native_id(), range(20)))
        failed = executor.submit(int, "x")
        assert isinstance(failed.exception(), ValueError)
    assert threading.main_thread().native_id not in ids
    with pytest.raises(RuntimeError):
        executor.submit(int)


@in_each_world
def test_locks_are_the_interpreters_own(lib: Any) -> None:
    lock, rlock = lib.Lock(), lib.RLock()
    assert type(lock).__module__ == type(rlock).__module__ == "_thread"
    for made in (lib.Condition(), lib.Condition(lock), lib.Semaphore()._cond, lib.Event()._cond):
        assert type(made._lock).__module__ == "_thread"
    with rlock, rlock, lock:
        assert not lock.acquire(timeout=0.001)
    assert type(lib.local()).__module__ == "_thread"


@in_each_world
def test_condition_event_semaphore_and_barrier_between_os_threads(lib: Any) -> None:
    from functools import partial

    condition, event, barrier = lib.Condition(), lib.Event(), lib.Barrier(2)
    semaphore, bounded = lib.Semaphore(0), lib.BoundedSemaphore(1)
    log: list[object] = []

    def work() -> None:
        assert event.wait(20)
        with condition:
            log.append("notified")
            condition.notify_all()
        assert semaphore.acquire(timeout=20)
        with bounded:
            log.append(barrier.wait(20))

    thread = lib.Thread(target=work)
    thread.start()
    with condition:
        event.set()
        assert condition.wait_for(partial(log.__contains__, "notified"), 20)
    semaphore.release()
    log.append(barrier.wait(20))
    thread.join()
    assert sorted(log[1:], key=repr) == [0, 1]
    assert not semaphore.acquire(blocking=False)
    with pytest.raises(ValueError, match="too many"):
        bounded.release()
    assert not event.wait(0) or event.is_set()
    with pytest.raises(lib.BrokenBarrierError):
        barrier.wait(0.001)
    with condition:
        assert not condition.wait(0.001)


@in_each_world
def test_queues_between_os_threads(lib: Any) -> None:
    import queue

    for kind, order in (
        (lib.Queue, [2, 1, 3]),
        (lib.LifoQueue, [3, 1, 2]),
        (lib.PriorityQueue, [1, 2, 3]),
        (lib.SimpleQueue, [2, 1, 3]),
    ):
        items: Any = kind()
        for item in (2, 1, 3):
            items.put(item)
        assert [items.get() for _ in order] == order
        with pytest.raises(queue.Empty):
            items.get(timeout=0.001)
    limited: Any = lib.Queue(1)
    results: Any = lib.SimpleQueue()

    def work() -> None:
        while (item := limited.get()) is not None:
            results.put((item, lib.get_native_id()))
            limited.task_done()

    thread = lib.Thread(target=work)
    thread.start()
    for item in range(20):
        limited.put(item)
    limited.join()
    limited.put(None)
    thread.join()
    assert [results.get()[0] for _ in range(20)] == list(range(20))
    limited.put(0)
    with pytest.raises(queue.Full):
        limited.put(0, timeout=0.001)
    assert type(limited.mutex).__module__ == "_thread"


@in_each_world
def test_values_of_a_local_are_those_of_the_os_thread(lib: Any) -> None:
    local = lib.local()
    local.value = 1
    seen: list[bool] = []
    thread = lib.Thread(target=lambda: seen.append(hasattr(local, "value")))
    thread.start()
    thread.join()
    assert seen == [False]
    assert local.value == 1


@in_each_world
def test_a_raw_thread_is_an_os_thread(lib: Any) -> None:
    import threading

    ids: Any = lib.SimpleQueue()
    lib.start_new_thread(lambda: ids.put(lib.get_native_id()), ())
    assert ids.get(timeout=20) != threading.main_thread().native_id


@in_fresh_python
def test_classes_are_subclasses_of_what_the_stdlib_had() -> None:
    import queue
    import threading

    before = {**vars(threading), **vars(queue)}

    import greenbridge.auto  # noqa: F401
    from greenbridge import native

    for name in native.__all__:
        made = getattr(native, name)
        if isinstance(made, type) and isinstance(before.get(name), type):
            assert issubclass(made, before[name])
            assert "greenbridge.green" not in str(made.__mro__)
    assert native.Empty is queue.Empty


@in_fresh_python
def test_green_code_starts_and_joins_os_threads_while_others_run() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import threading
    import time

    from greenbridge import native
    from greenbridge._hubs import current_hub

    release = native.Event()
    begun = native.Event()
    ticks: list[int] = []

    def blocks() -> None:
        begun.set()
        assert release.wait(20)

    def starts() -> None:
        thread = native.Thread(target=blocks)
        thread.start()
        assert begun.is_set() or begun.wait(20)
        thread.join(0.002)
        assert thread.is_alive()
        thread.join()
        ticks.append(-1)

    def counts() -> None:
        for tick in range(5):
            ticks.append(tick)
            time.sleep(0.001)
        release.set()

    threads = [threading.Thread(target=target) for target in (starts, counts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ticks == [0, 1, 2, 3, 4, -1]
    hub = current_hub()
    assert hub is not None
    assert hub.stalls == 0


@in_fresh_python
def test_a_future_of_a_native_executor_is_waited_for_greenly() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import threading
    import time

    from greenbridge import native

    ticks: list[int] = []
    stop = native.Event()

    def count() -> None:
        while len(ticks) < 5:
            ticks.append(0)
            time.sleep(0.001)
        stop.set()

    with native.ThreadPoolExecutor(1) as executor:
        threading.Thread(target=count).start()
        assert executor.submit(stop.wait, 20).result()
    assert len(ticks) == 5


@in_fresh_python
def test_a_native_thread_uses_patched_sockets_and_shared_queues() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import queue
    import socket
    import threading

    from greenbridge import native

    near, far = socket.socketpair()
    shared: queue.Queue[bytes] = queue.Queue()

    def work() -> None:
        shared.put(far.recv(10))
        far.sendall(shared_back.get(timeout=20))

    shared_back: queue.Queue[bytes] = queue.Queue()
    thread = native.Thread(target=work)
    thread.start()
    threading.Thread(target=near.sendall, args=(b"to",)).start()
    assert shared.get(timeout=20) == b"to"
    shared_back.put(b"fro")
    assert near.recv(10) == b"fro"
    thread.join()
    near.close()
    far.close()


@in_fresh_python
def test_an_attribute_makes_a_thread_class_of_another_module_native() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import threading

    from greenbridge import native

    class Other(threading.Thread):
        seen = 0

        def run(self) -> None:
            self.seen = threading.get_native_id()

    class Mixed(native.Thread, Other):
        pass

    green, real = Other(), Mixed()
    for thread in (green, real):
        thread.start()
        thread.join()
    here = threading.get_native_id()
    assert green.seen == here
    assert real.seen != here
