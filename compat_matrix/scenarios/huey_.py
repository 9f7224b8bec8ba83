"""Huey: its consumer with green worker threads."""

import time
from contextlib import contextmanager

from huey import RedisHuey

from compat_matrix.scenarios._hosting import program
from compat_matrix.services import LATENCY

huey = RedisHuey("greenbridge-compat", url="redis://127.0.0.1:6379/11")


@huey.task()
def answer(number):
    time.sleep(LATENCY)
    return number


@contextmanager
def opened(server):
    consumer = ("huey.bin.huey_consumer", f"{__name__}.huey", "-k", "thread", "-w", "40")
    with program("-m", "greenbridge", "-m", *consumer):
        yield
        huey.storage.flush_all()


def call(client, number):
    return answer(number).get(blocking=True, timeout=30, backoff=1, max_delay=0.02)
