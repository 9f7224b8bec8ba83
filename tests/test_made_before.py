"""Locks, events, queues and threads that were made before patching."""

from __future__ import annotations

import sys

from .fresh import in_fresh_python


@in_fresh_python
def test_events_conditions_and_queues_made_before_wait_greenly() -> None:
    import queue
    import threading
    import time

    event, condition, semaphore = threading.Event(), threading.Condition(), threading.Semaphore(0)
    barrier, items, limited = threading.Barrier(2), queue.Queue[int](), queue.Queue[int](1)
    limited.put(0)

    import greenbridge.auto  # noqa: F401
    from greenbridge._hubs import current_hub

    done: list[str] = []

    def waits_for_event() -> None:
        assert event.wait(20)
        done.append("event")

    def waits_for_condition() -> None:
        with condition:
            assert condition.wait(20)
        done.append("condition")

    def takes() -> None:
        assert semaphore.acquire(timeout=20)
        barrier.wait(20)
        done.append(str(items.get(timeout=20)))
        limited.put(1, timeout=20)

    targets = (waits_for_event, waits_for_condition, takes)
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    time.sleep(0.01)
    assert done == []
    event.set()
    with condition:
        condition.notify()
    semaphore.release()
    barrier.wait(20)
    items.put(7)
    assert [limited.get(timeout=20), limited.get(timeout=20)] == [0, 1]
    for thread in threads:
        thread.join(20)
    assert sorted(done) == ["7", "condition", "event"]
    hub = current_hub()
    assert hub is not None
    assert hub.stalls == 0


@in_fresh_python
def test_threads_that_wait_when_the_patches_come_are_woken_and_joined() -> None:
    import queue
    import threading
    import time

    event, items, plain = threading.Event(), queue.Queue[int](), queue.SimpleQueue[int]()
    lock = threading.Lock()
    lock.acquire()
    got: list[object] = []

    def waits() -> None:
        got.append(event.wait(20))
        got.append(items.get(timeout=20))
        got.append(plain.get(timeout=20))
        with lock:
            got.append(threading.get_native_id())

    thread = threading.Thread(target=waits)
    thread.start()

    import greenbridge.auto  # noqa: F401

    ticks: list[int] = []

    def tick() -> None:
        while thread.is_alive():
            ticks.append(1)
            if len(ticks) == 5:
                lock.release()
            time.sleep(0.001)

    event.set()
    items.put(1)
    plain.put(2)
    ticking = threading.Thread(target=tick)
    ticking.start()
    thread.join()
    ticking.join()
    assert got == [True, 1, 2, thread.native_id]
    assert len(ticks) >= 5, "others ran while it was joined"


@in_fresh_python
def test_locks_of_the_stdlib_made_before_are_not_held_over_a_wait() -> None:
    import logging
    import tempfile
    import threading
    import time

    import greenbridge.auto  # noqa: F401

    def work(number: int) -> None:
        for _ in range(5):
            logging.getLogger(f"name.{number}").debug("so")
            assert time.strptime("2020", "%Y").tm_year == 2020
            assert tempfile.gettempdir()
            with tempfile.TemporaryFile() as file:
                file.write(b"so")
            assert threading.current_thread() in threading.enumerate()
            time.sleep(0.0005)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    for module, name in (("_strptime", "_cache_lock"), ("tempfile", "_once_lock")):
        assert not getattr(sys.modules[module], name).locked()


@in_fresh_python
def test_a_handler_made_before_and_held_by_a_native_thread_lets_green_threads_log() -> None:
    import io
    import logging
    import threading

    out = io.StringIO()
    logging.basicConfig(stream=out, level=logging.INFO, format="%(threadName)s %(message)s")
    (handler,) = logging.getLogger().handlers
    begun, release = threading.Event(), threading.Event()

    def holds() -> None:
        handler.acquire()
        begun.set()
        release.wait(0.05)  # gives it back by itself: a green thread may wait for it natively
        handler.release()

    native = threading.Thread(target=holds)
    native.start()
    begun.wait(20)

    import greenbridge.auto  # noqa: F401

    def log() -> None:
        logging.info("so")

    green = [threading.Thread(target=log, name=f"green-{number}") for number in range(5)]
    for thread in green:
        thread.start()
    for thread in [*green, native]:
        thread.join(20)
        assert not thread.is_alive()
    assert sorted(out.getvalue().split("\n")) == ["", *(f"green-{n} so" for n in range(5))]
