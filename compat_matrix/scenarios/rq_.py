"""RQ: many of its workers in one process, each in a green thread."""

import time
import uuid
from contextlib import contextmanager

import redis
from rq import Queue

from compat_matrix.scenarios._hosting import program
from compat_matrix.services import LATENCY

URL = "redis://127.0.0.1:6379/11"


def answer(number):
    time.sleep(LATENCY)
    return number


@contextmanager
def opened(server):
    name = f"greenbridge-{uuid.uuid4().hex}"
    running = program("docs/how-to/rq_many.py", URL, name, "50")
    with redis.Redis.from_url(URL) as connection, running:
        queue = Queue(name, connection=connection)
        yield queue
        queue.delete(delete_jobs=True)


def call(queue, number):
    job = queue.enqueue(answer, number)
    until = time.monotonic() + 30
    while (value := job.return_value(refresh=True)) is None and time.monotonic() < until:
        time.sleep(0.02)
    return value
