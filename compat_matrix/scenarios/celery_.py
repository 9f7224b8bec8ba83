"""Celery: a worker with greenbridge's pool; fifty tasks at once in one process."""

import time
from contextlib import contextmanager

from celery import Celery

from compat_matrix.scenarios._hosting import program
from compat_matrix.services import LATENCY

REDIS = "redis://127.0.0.1:6379"
POOL = {"CELERY_CUSTOM_WORKER_POOL": "greenbridge.celery:TaskPool"}
app = Celery("compat", broker=f"{REDIS}/11", backend=f"{REDIS}/12")
app.conf.update(broker_connection_retry_on_startup=True, task_default_queue="greenbridge-compat")


@app.task(name="compat.answer")
def answer(number):
    time.sleep(LATENCY)
    return number


@contextmanager
def opened(server):
    with program("-m", "celery", "-A", __name__, "worker", "-P", "custom", "-c", "60", **POOL):
        call(None, 0)
        yield


def call(client, number):
    return answer.delay(number).get(timeout=30)
