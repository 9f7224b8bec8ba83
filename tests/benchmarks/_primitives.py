"""The workloads of locks, events and queues: the same lines on what each peer calls by these names.

Where two hand something to and fro, an operation is one time there and back, so each of them
waits once and is woken once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._clock import now
from ._peers import allocate_lock, start_new_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._peers import BlockingPeer

__all__ = ("BODIES", "RIVALS")

RIVALS: Final = 10


def _alone(peer: BlockingPeer, body: Callable[[], None]) -> float:
    start = now()
    peer.join(peer.spawn(body))
    return now() - start


def _together(peer: BlockingPeer, *bodies: Callable[[], None]) -> float:
    start = now()
    peer.joinall([peer.spawn(body) for body in bodies])
    return now() - start


def _lock(peer: BlockingPeer, n: int, lock: Any) -> float:
    def body() -> None:
        acquire, release = lock.acquire, lock.release
        for _ in range(n):
            acquire()
            release()

    return _alone(peer, body)


def lock(peer: BlockingPeer, n: int) -> float:
    return _lock(peer, n, peer.sync.Lock())


def rlock(peer: BlockingPeer, n: int) -> float:
    return _lock(peer, n, peer.sync.RLock())


def _with(peer: BlockingPeer, n: int, lock: Any) -> float:
    def body() -> None:
        for _ in range(n):
            with lock:
                pass

    return _alone(peer, body)


def lock_with(peer: BlockingPeer, n: int) -> float:
    return _with(peer, n, peer.sync.Lock())


def rlock_with(peer: BlockingPeer, n: int) -> float:
    return _with(peer, n, peer.sync.RLock())


def lock_handover(peer: BlockingPeer, n: int) -> float:
    """Two locks, each taken by one and given back by the other: every acquire waits."""
    mine, theirs = peer.sync.Lock(), peer.sync.Lock()
    mine.acquire()
    theirs.acquire()

    def ask() -> None:
        for _ in range(n):
            theirs.release()
            mine.acquire()

    def answer() -> None:
        for _ in range(n):
            theirs.acquire()
            mine.release()

    return _together(peer, ask, answer)


def _contended(peer: BlockingPeer, n: int, lock: Any) -> float:
    each = max(n // RIVALS, 1)

    def body() -> None:
        sleep = peer.sleep
        for _ in range(each):
            with lock:
                sleep(0)

    return _together(peer, *[body] * RIVALS) * n / (each * RIVALS)


def lock_contended(peer: BlockingPeer, n: int) -> float:
    return _contended(peer, n, peer.sync.Lock())


def rlock_contended(peer: BlockingPeer, n: int) -> float:
    return _contended(peer, n, peer.sync.RLock())


def semaphore(peer: BlockingPeer, n: int) -> float:
    return _contended(peer, n, peer.sync.Semaphore(2))


def event(peer: BlockingPeer, n: int) -> float:
    there, back = peer.sync.Event(), peer.sync.Event()

    def ask() -> None:
        for _ in range(n):
            there.set()
            back.wait()
            back.clear()

    def answer() -> None:
        for _ in range(n):
            there.wait()
            there.clear()
            back.set()

    return _together(peer, ask, answer)


def condition(peer: BlockingPeer, n: int) -> float:
    changed = peer.sync.Condition()
    turn = 0

    def body(own: int) -> None:
        nonlocal turn
        for _ in range(n):
            with changed:
                while turn != own:
                    changed.wait()
                turn = 1 - own
                changed.notify()

    return _together(peer, lambda: body(0), lambda: body(1))


def _queue(peer: BlockingPeer, n: int, make: Callable[[], Any]) -> float:
    there, back = make(), make()

    def ask() -> None:
        for item in range(n):
            there.put(item)
            back.get()

    def answer() -> None:
        for _ in range(n):
            back.put(there.get())

    return _together(peer, ask, answer)


def queue(peer: BlockingPeer, n: int) -> float:
    return _queue(peer, n, peer.sync.Queue)


def simple_queue(peer: BlockingPeer, n: int) -> float:
    return _queue(peer, n, peer.sync.SimpleQueue)


def queue_bounded(peer: BlockingPeer, n: int) -> float:
    """One that puts and one that gets, with ten places between them."""
    places = peer.sync.Queue(RIVALS)

    def put() -> None:
        for item in range(n):
            places.put(item)

    def get() -> None:
        for _ in range(n):
            places.get()

    return _together(peer, put, get)


def queue_free(peer: BlockingPeer, n: int) -> float:
    """Nobody else is there, and nothing waits."""
    own = peer.sync.Queue()

    def body() -> None:
        for item in range(n):
            own.put(item)
            own.get()

    return _alone(peer, body)


def native_wake(peer: BlockingPeer, n: int) -> float:
    """A native thread sets an event that a thread of the peer's waits for, which answers it."""
    there, back, ended = peer.sync.Event(), allocate_lock(), allocate_lock()
    back.acquire()
    ended.acquire()

    def ask() -> None:
        for _ in range(n):
            there.set()
            back.acquire()
        ended.release()

    def answer() -> None:
        for _ in range(n):
            there.wait()
            there.clear()
            back.release()

    start = now()
    answering = peer.spawn(answer)
    start_new_thread(ask, ())
    peer.join(answering)
    elapsed = now() - start
    ended.acquire()
    return elapsed


BODIES: Final[dict[str, Callable[[BlockingPeer, int], float]]] = {
    body.__name__: body
    for body in (
        lock,
        rlock,
        lock_with,
        rlock_with,
        lock_handover,
        lock_contended,
        rlock_contended,
        semaphore,
        event,
        condition,
        queue,
        simple_queue,
        queue_bounded,
        queue_free,
        native_wake,
    )
}
