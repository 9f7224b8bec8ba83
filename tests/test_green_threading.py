"""``threading`` on the hub: the same under plain Python and patched, and what is green in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from .both import as_plain_and_patched, switched
from .fresh import in_fresh_python

if TYPE_CHECKING:
    import threading


@as_plain_and_patched
def test_threads_are_started_listed_and_joined() -> None:
    import threading
    import time

    seen: list[str] = []
    main = threading.main_thread()
    go = threading.Event()

    def work(name: str) -> None:
        assert threading.current_thread().name == name
        assert threading.get_ident() == threading.current_thread().ident
        go.wait()
        time.sleep(0.001)
        seen.append(name)

    threads = [threading.Thread(target=work, args=(f"t{i}",), name=f"t{i}") for i in range(3)]
    assert not any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.start()
    assert all(thread.is_alive() for thread in threads)
    assert set(threading.enumerate()) == {main, *threads}
    assert threading.active_count() == 4
    assert len({thread.ident for thread in threads} | {threading.get_ident()}) == 4
    assert threading.current_thread() is main
    go.set()
    for thread in threads:
        thread.join()
    assert sorted(seen) == ["t0", "t1", "t2"]
    assert not any(thread.is_alive() for thread in threads)
    assert threading.enumerate() == [main]
    assert switched()


@in_fresh_python
def test_a_thread_is_a_green_thread_of_the_main_os_thread() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import threading
    import time

    from greenbridge._hubs import current_hub

    order: list[object] = []
    native = threading.get_native_id()

    def work(number: int) -> None:
        order.append((number, threading.get_native_id() == native))
        time.sleep(0.001)
        order.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    assert order == [], "start() is no place where others run"
    threads[0].join()
    threads[1].join()
    assert order == [(0, True), (1, True), 0, 1]
    hub = current_hub()
    assert hub is not None
    assert hub.owned


@as_plain_and_patched
def test_join_with_a_timeout_gives_up_and_may_be_repeated() -> None:
    import threading

    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    thread.join(0.001)
    assert thread.is_alive()
    thread.join(-1)
    assert thread.is_alive()
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    thread.join()
    assert switched()


@as_plain_and_patched
def test_what_a_thread_does_not_catch_goes_to_the_excepthook_once() -> None:
    import contextlib
    import io
    import threading

    calls: list[Any] = []
    before = threading.excepthook
    threading.excepthook = calls.append

    def fail() -> None:
        raise ValueError("so")

    def leave() -> None:
        sys.exit(3)

    thread = threading.Thread(target=fail)
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        thread.start()
        thread.join()
    (args,) = calls
    assert args.exc_type is ValueError
    assert args.thread is thread
    assert stderr.getvalue() == ""
    threading.excepthook = before
    with contextlib.redirect_stderr(stderr):
        for target in (fail, leave):
            thread = threading.Thread(target=target, name="T")
            thread.start()
            thread.join()
    text = stderr.getvalue()
    assert text.count("ValueError: so") == 1
    assert text.startswith("Exception in thread T:\n")
    assert "SystemExit" not in text


@as_plain_and_patched
def test_a_raw_thread_shows_its_error_and_leaves_quietly() -> None:
    import _thread
    import threading

    seen: list[Any] = []
    sys.unraisablehook = lambda args: seen.append((args.exc_type, args.err_msg, args.object))
    done = threading.Semaphore(0)

    def run(error: BaseException) -> None:
        done.release()
        raise error

    idents = {_thread.start_new_thread(run, (error,)) for error in (KeyError("k"), SystemExit(1))}
    assert len(idents) == 2
    done.acquire()
    done.acquire()
    while _thread._count():
        done.acquire(timeout=0.001)
    ((kind, text, what),) = seen
    assert kind is KeyError
    assert text.startswith("Exception ignored in thread started by")
    assert what is run or repr(run) in text


@as_plain_and_patched
def test_local_is_per_thread_and_dies_with_it() -> None:
    import gc
    import threading
    import weakref

    class Value:
        pass

    class Local(threading.local):
        number = 1

        def __init__(self, first: int) -> None:
            self.first = first

    local = Local(7)
    local.number = 2
    seen: list[object] = []
    refs: list[weakref.ref[Value]] = []
    turn = threading.Barrier(2)

    def work() -> None:
        value = Value()
        refs.append(weakref.ref(value))
        assert local.__dict__ == {"first": 7}
        seen.append((local.first, local.number))
        local.value = value
        turn.wait()
        assert local.value is value

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(7, 1), (7, 1)]
    assert not hasattr(local, "value")
    assert local.number == 2
    gc.collect()
    assert [reference() for reference in refs] == [None, None]
    assert switched()


@in_fresh_python
def test_current_thread_of_a_spawned_thread_goes_away_with_it() -> None:
    import greenbridge.auto  # isort: skip
    import threading

    import greenbridge

    def work() -> threading.Thread:
        found = threading.current_thread()
        assert found is threading.current_thread()
        assert found in threading.enumerate()
        assert found.daemon
        assert found.is_alive()
        return found

    first, second = greenbridge.spawn(work), greenbridge.spawn(work)
    assert first.get() is not second.get()
    assert threading.enumerate() == [threading.main_thread()]


@in_fresh_python
def test_worker_threads_start_real_threads_and_executors_of_loops_stay_real() -> None:
    import greenbridge.auto  # isort: skip
    import asyncio
    import threading

    import anyio

    import greenbridge

    natives: list[int] = []

    def note() -> int:
        natives.append(threading.get_native_id())
        return natives[-1]

    def nested() -> None:
        thread = threading.Thread(target=note)
        thread.start()
        thread.join()

    async def main() -> None:
        here = threading.get_native_id()
        assert await asyncio.to_thread(note) != here
        assert await anyio.to_thread.run_sync(note) != here
        await asyncio.to_thread(nested)
        assert natives[-1] != here
        assert await greenbridge.run_sync(greenbridge.offload, note) != here
        thread = threading.Thread(target=note)
        thread.start()  # in a coroutine: a green thread of this loop
        await greenbridge.run_sync(thread.join)
        assert natives[-1] == here

    asyncio.run(main())


@in_fresh_python
def test_a_real_thread_is_joined_greenly_and_joins_green_ones() -> None:
    import _thread
    import threading
    import time

    stop = threading.Event()
    started_before = threading.Thread(target=stop.wait)
    started_before.start()
    original = _thread.allocate_lock

    import greenbridge.auto  # noqa: F401
    from greenbridge._hubs import current_hub

    assert threading.Lock is not original
    ticks: list[float] = []

    def tick() -> None:
        while started_before.is_alive():
            ticks.append(time.monotonic())
            if len(ticks) == 5:
                stop.set()
            time.sleep(0.001)

    green = threading.Thread(target=tick)
    green.start()
    started_before.join(0.002)
    assert started_before.is_alive()
    started_before.join()
    assert len(ticks) >= 5, "others ran while it was joined"
    green.join()
    hub = current_hub()
    assert hub is not None
    assert hub.stalls == 0
    assert threading.enumerate() == [threading.main_thread()]


@in_fresh_python
def test_a_native_thread_joins_a_green_one_and_shares_locks_with_it() -> None:
    import greenbridge.auto  # noqa: F401  # isort: skip
    import asyncio
    import threading
    import time

    lock = threading.RLock()
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with lock, lock:
                inside += 1
                most = max(most, inside)
                time.sleep(0.0001)
                inside -= 1

    async def main() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(thread.join))
        assert not thread.is_alive()

    asyncio.run(main())
    assert (inside, most) == (0, 1)


@in_fresh_python
def test_a_loop_in_debug_mode_knows_its_green_threads() -> None:
    import greenbridge.auto  # isort: skip
    import asyncio
    import threading
    import time

    import pytest

    import greenbridge

    done: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []

    def factory() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop()
        loop.set_debug(True)
        return loop

    def work() -> None:
        time.sleep(0.001)
        greenbridge.await_(asyncio.sleep(0.001))
        done.append("thread")

    async def nested() -> None:
        loops.append(asyncio.get_running_loop())
        for _ in range(20_000):  # 20 s, if nothing refuses
            if "refused" in done:
                break
            await asyncio.sleep(0.001)

    def inner() -> None:
        loop = factory()
        loop.run_until_complete(nested())
        loop.close()

    def elsewhere() -> None:
        while not loops:
            time.sleep(0.001)
        with pytest.raises(RuntimeError, match="Non-thread-safe"):
            loops[0].call_soon(print)
        done.append("refused")

    def main() -> None:
        threads = [threading.Thread(target=target) for target in (work, elsewhere, inner)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    greenbridge.run(main, loop_factory=factory)
    assert sorted(done) == ["refused", "thread"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads have had no such name before")
@as_plain_and_patched
def test_a_thread_reads_back_the_name_that_it_has_for_the_operating_system() -> None:
    import _thread
    import threading

    thread: Any = _thread
    before = thread._get_name()
    seen: list[str] = []

    def work() -> None:
        seen.append(thread._get_name())
        thread.set_name("é" * 20 + "\0x")
        seen.append(thread._get_name())

    worker = threading.Thread(target=work, name="worker")
    worker.start()
    worker.join()
    assert seen == ["worker", "é" * 7 + "\udcc3"], "cut off after 15 bytes"
    assert thread._get_name() == before
