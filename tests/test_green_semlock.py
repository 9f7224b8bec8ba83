"""The locks of ``multiprocessing`` between green threads, and between those and a child process."""

from __future__ import annotations

from tests.fresh import in_fresh_python


@in_fresh_python
def test_a_green_thread_that_waits_for_an_event_lets_the_one_run_that_sets_it() -> None:
    import multiprocessing

    import greenbridge.auto

    event = multiprocessing.Event()
    waiting = greenbridge.spawn(event.wait, 20)
    greenbridge.sleep(0.05)
    assert not waiting.ready()
    greenbridge.spawn(event.set)
    assert waiting.get(timeout=10) is True


@in_fresh_python
def test_a_timeout_ends_the_wait() -> None:
    import multiprocessing
    import time

    import greenbridge.auto
    from greenbridge.testing import assert_switches

    lock = multiprocessing.Lock()
    assert lock.acquire()
    began = time.monotonic()

    def wait() -> bool:
        with assert_switches():
            return lock.acquire(True, 0.1)

    assert greenbridge.spawn(wait).get() is False
    assert 0.1 <= time.monotonic() - began < 5
    assert greenbridge.spawn(lock.acquire, False).get() is False
    assert greenbridge.spawn(lock.acquire, True, -1).get() is False


@in_fresh_python
def test_an_rlock_belongs_to_one_green_thread() -> None:
    import multiprocessing

    import greenbridge.auto

    lock = multiprocessing.RLock()
    order: list[str] = []

    def hold() -> None:
        with lock, lock:
            order.append("in")
            greenbridge.sleep(0.05)
            order.append("out")

    greenbridge.joinall([greenbridge.spawn(hold) for _ in range(3)])
    assert order == ["in", "out"] * 3
    lock.acquire()
    stranger = greenbridge.spawn(lock.release)
    stranger.join()
    assert isinstance(stranger.exception, AssertionError)
    assert greenbridge.spawn(lock.acquire, False).get() is False
    lock.release()


@in_fresh_python
def test_an_rlock_of_a_green_thread_is_not_a_loop_callbacks() -> None:
    import asyncio
    import multiprocessing

    import pytest

    import greenbridge.auto
    from greenbridge import BlockingSwitchError

    lock = multiprocessing.RLock()

    def hold() -> None:
        with lock:
            greenbridge.sleep(0.05)

    async def main() -> None:
        thread = greenbridge.spawn(hold)
        await asyncio.sleep(0)
        assert lock.acquire(False) is False
        assert lock.acquire(timeout=0.001) is False
        with pytest.raises(BlockingSwitchError, match=r"acquire\(False\)"):
            lock.acquire()
        await thread
        assert lock.acquire(False) is True
        lock.release()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(greenbridge.plain(main()))  # no green task
    loop.close()


@in_fresh_python
def test_a_condition_is_waited_for_and_notified() -> None:
    import multiprocessing

    import greenbridge.auto

    condition = multiprocessing.Condition()
    seen: list[int] = []

    def wait(number: int) -> None:
        with condition:
            assert condition.wait(20)
            seen.append(number)

    waiting = [greenbridge.spawn(wait, number) for number in range(5)]
    greenbridge.sleep(0.1)
    with condition:
        condition.notify_all()
    greenbridge.joinall(waiting, timeout=20, raise_error=True)
    assert sorted(seen) == list(range(5))


@in_fresh_python
def test_a_wait_that_is_killed_takes_nothing() -> None:
    import multiprocessing

    import greenbridge.auto

    semaphore = multiprocessing.Semaphore(0)
    waiting = greenbridge.spawn(semaphore.acquire)
    greenbridge.sleep(0.02)
    waiting.kill()
    semaphore.release()
    assert semaphore.acquire(False)


@in_fresh_python
def test_a_child_process_and_a_green_thread_share_a_lock() -> None:
    import multiprocessing

    import greenbridge.auto

    context = multiprocessing.get_context("fork")
    lock, ready = context.RLock(), context.Event()

    def child() -> None:
        took = lock.acquire(False)  # it is the parent's
        ready.set()
        assert not took
        assert lock.acquire(True, 20)

    def parent() -> int | None:
        with lock, lock:
            process = context.Process(target=child)
            process.start()
            assert ready.wait(20)
        process.join()
        return process.exitcode

    assert greenbridge.spawn(parent).get() == 0


@in_fresh_python
def test_real_threads_use_the_original() -> None:
    import multiprocessing

    import greenbridge.auto

    lock = multiprocessing.RLock()

    def from_a_real_thread() -> bool:
        return greenbridge.offload(lock.acquire, False)

    with lock:
        assert greenbridge.spawn(from_a_real_thread).get() is False
    assert greenbridge.spawn(from_a_real_thread).get() is True
    assert lock.acquire(False) is False


@in_fresh_python
def test_a_queue_is_read_by_many_green_threads() -> None:
    import multiprocessing

    import greenbridge.auto

    queue = multiprocessing.get_context("fork").Queue()
    readers = [greenbridge.spawn(queue.get, True, 20) for _ in range(10)]
    greenbridge.sleep(0.02)
    for number in range(10):
        queue.put(number)
    assert sorted(reader.get(timeout=30) for reader in readers) == list(range(10))
    queue.close()
    queue.join_thread()


@in_fresh_python
def test_a_process_that_a_green_thread_starts_ends_well() -> None:
    import multiprocessing

    import greenbridge.auto

    def parent() -> int | None:
        process = multiprocessing.get_context("fork").Process(
            target=greenbridge.sleep, args=(0.01,)
        )
        process.start()
        process.join()
        return process.exitcode

    assert greenbridge.spawn(parent).get() == 0


@in_fresh_python
def test_a_lock_says_whose_it_is() -> None:
    import multiprocessing
    import threading

    import greenbridge

    greenbridge.patch_all()
    lock = multiprocessing.get_context("fork").Lock()
    with lock:
        assert repr(lock) == "<Lock(owner=MainProcess)>"
    assert repr(lock) == "<Lock(owner=None)>"
    own: list[str] = []

    def takes() -> None:
        lock.acquire()
        own.append(repr(lock))

    thread = threading.Thread(target=takes, name="another")
    thread.start()
    thread.join()
    assert own == ["<Lock(owner=MainProcess|another)>"]
    assert repr(lock) == "<Lock(owner=SomeOtherThread)>"
    lock.release()
    assert repr(lock) == "<Lock(owner=None)>"
