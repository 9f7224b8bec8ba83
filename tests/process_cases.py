"""What test_green_multiprocessing.py runs in a new interpreter, where nothing imports pytest."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.managers import BaseManager
from typing import TYPE_CHECKING, Any

import greenbridge
from greenbridge.testing import heartbeat

from . import process_jobs as jobs
from .green import others_run

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("CASES", "run")

#: Seconds that no wait here lasts; one that does has missed its wake.
LONG = 50.0


class Counters(BaseManager):
    """A manager of one type."""


Counters.register("Counter", jobs.Counter)


def beats(wait: Callable[[], Any]) -> Any:
    """Call *wait*, which lasts for many beats of a green thread beside; those must happen."""
    with heartbeat() as beat, others_run(beat):
        return wait()


def process_ends(context: Any) -> None:
    process = context.Process(target=jobs.after, args=(0.4,))
    process.start()
    process.join(0.001)
    assert process.is_alive()
    beats(process.join)
    assert process.exitcode == 0
    stopped = context.Process(target=jobs.after, args=(LONG,))
    stopped.start()
    stopped.terminate()
    stopped.join(LONG)
    assert stopped.exitcode == -15


def pipe_answers(context: Any) -> None:
    ours, theirs = context.Pipe()
    process = context.Process(target=jobs.echo, args=(theirs,))
    process.start()
    theirs.close()
    ours.send("text")
    assert not ours.poll()
    assert beats(lambda: ours.poll(LONG))
    assert ours.recv() == "text"
    ours.send(b"x" * 300_000)  # more than a pipe holds
    assert len(beats(ours.recv)) == 300_000
    ours.send(None)
    process.join(LONG)
    assert process.exitcode == 0
    ours.close()


def queues_pass_on(context: Any) -> None:
    queue = context.Queue()
    process = context.Process(target=jobs.fill, args=(queue, 20))
    process.start()
    assert beats(queue.get) == 0
    assert [queue.get(timeout=LONG) for _ in range(19)] == list(range(1, 20))
    process.join(LONG)
    lengths, simple = context.Queue(), context.SimpleQueue()
    process = context.Process(target=jobs.take, args=(queue, simple))
    process.start()
    for _ in range(3):
        queue.put(b"x" * 300_000)
    queue.put(None)
    assert [simple.get() for _ in range(3)] == [300_000] * 3
    process.join(LONG)
    assert process.exitcode == 0
    for each in (queue, lengths):
        each.close()
        each.join_thread()


def pool_maps(context: Any) -> None:
    with context.Pool(2) as pool:
        assert beats(lambda: pool.apply(jobs.after, (0.3, 4))) == 8
        assert pool.starmap(jobs.after, [(0, n) for n in range(10)]) == list(range(0, 20, 2))
        late = [greenbridge.spawn(pool.apply, jobs.after, (0.1, n)) for n in range(4)]
        assert [each.get(timeout=LONG) for each in late] == [0, 2, 4, 6]
        assert sorted(pool.imap_unordered(abs, [-1, -2])) == [1, 2]
        try:
            pool.apply_async(jobs.after, (0.5,)).get(0.01)
        except multiprocessing.TimeoutError:
            pass
        else:
            raise AssertionError("the timeout was missed")
        pool.close()
        pool.join()


def executor_works(context: Any) -> None:
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        assert beats(executor.submit(jobs.after, 0.3, 5).result) == 10
        assert list(executor.map(jobs.after, [0.01] * 6, range(6))) == [0, 2, 4, 6, 8, 10]
        assert isinstance(executor.submit(jobs.after, -1).exception(LONG), ValueError)


def lock_is_shared(context: Any) -> None:
    lock, held = context.Lock(), context.Event()
    process = context.Process(target=jobs.hold, args=(lock, held, 0.5))
    process.start()
    assert held.wait(LONG)
    assert not lock.acquire(False)
    assert not lock.acquire(timeout=0.01)
    assert beats(lock.acquire)
    lock.release()
    process.join(LONG)


def proxies_do_not_mix(context: Any) -> None:
    with Counters(ctx=context) as manager:
        counter = manager.Counter()  # type: ignore[attr-defined]  # registered above
        assert beats(lambda: counter.add(0.3)) == 1
        # Each green thread has a connection of its own: else they would read each other's answers.
        late = [greenbridge.spawn(counter.add, 0.2) for _ in range(3)]
        assert max(each.get(timeout=LONG) for each in late) in range(2, 5)
        assert greenbridge.spawn(counter.add, 0).get() >= 3


CASES = (
    process_ends,
    pipe_answers,
    queues_pass_on,
    pool_maps,
    executor_works,
    lock_is_shared,
    proxies_do_not_mix,
)


def run(case: str, method: str) -> None:
    """Run the case of this name in a green thread, with processes started by *method*."""
    body = globals()[case]
    greenbridge.run(lambda: greenbridge.spawn(body, multiprocessing.get_context(method)).get())
