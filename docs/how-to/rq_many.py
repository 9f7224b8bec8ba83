"""Many of RQ's workers in one process: python rq_many.py URL QUEUE COUNT [--burst]"""

import greenbridge.auto  # noqa: F401, I001  # first

import sys
import threading

import redis
from rq import Queue, SimpleWorker


class Worker(SimpleWorker):  # type: ignore[misc]  # RQ is not installed where this is checked
    def _install_signal_handlers(self) -> None:
        """Ctrl-C ends the program, and with it all workers."""


def work(url: str, queue: str, burst: bool) -> None:
    connection = redis.Redis.from_url(url)
    worker = Worker([Queue(queue, connection=connection)], connection=connection)
    worker.work(burst=burst)


url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
threads = [
    threading.Thread(target=work, args=(url, queue, "--burst" in sys.argv)) for _ in range(count)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
