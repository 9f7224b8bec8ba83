"""The workloads of threaded programs: ``threading``, executors and subprocesses, as each peer has
patched them."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import threading
from typing import TYPE_CHECKING, Final

from ._blocking import resident_bytes
from ._clock import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._peers import BlockingPeer

__all__ = ("BODIES",)

_WORKERS: Final = 10


def _nothing(_: object = None) -> None:
    pass


def _inside(peer: BlockingPeer, body: Callable[[], float]) -> float:
    """What *body* gives in a thread of the peer's: in the main program some start no hub."""
    values: list[float] = []
    peer.join(peer.spawn(lambda: values.append(body())))
    return values[0]


def thread(peer: BlockingPeer, n: int) -> float:
    def body() -> float:
        start = now()
        for _ in range(n):
            thread = threading.Thread(target=_nothing)
            thread.start()
            thread.join()
        return now() - start

    return _inside(peer, body)


def executor_map(peer: BlockingPeer, n: int) -> float:
    def body() -> float:
        with concurrent.futures.ThreadPoolExecutor(_WORKERS) as executor:
            list(executor.map(_nothing, range(_WORKERS)))  # the workers are there
            start = now()
            for _ in executor.map(_nothing, range(n)):
                pass
            return now() - start

    return _inside(peer, body)


def subprocess_run(peer: BlockingPeer, n: int) -> float:
    def body() -> float:
        start = now()
        for _ in range(n):
            subprocess.run(["true"], check=True)
        return now() - start

    return _inside(peer, body)


def _many(peer: BlockingPeer, n: int) -> tuple[float, float]:
    """Seconds to start and join ``n`` Threads that wait in a recv each, and bytes of memory."""
    grown = 0

    def body() -> float:
        nonlocal grown
        near, far = peer.socket.socketpair()
        own = [near.dup() for _ in range(n)]  # each waits for a descriptor of its own
        before = resident_bytes()
        start = now()
        threads = [threading.Thread(target=sock.recv, args=(1,)) for sock in own]
        for each in threads:
            each.start()
        peer.sleep(0.01)
        elapsed = now() - start
        grown = resident_bytes() - before
        start = now()
        far.close()  # the end of all streams
        for each in threads:
            each.join()
        elapsed += now() - start
        for sock in own:
            os.close(sock.detach())
        near.close()
        return elapsed

    seconds = _inside(peer, body)
    return seconds, grown


def threads_recv(peer: BlockingPeer, n: int) -> float:
    return _many(peer, n)[0]


def threads_memory(peer: BlockingPeer, n: int) -> float:
    return _many(peer, n)[1] / n


BODIES: Final[dict[str, Callable[[BlockingPeer, int], float]]] = {
    body.__name__: body
    for body in (thread, executor_map, subprocess_run, threads_recv, threads_memory)
}
