"""The Celery pool: a real worker, a real broker (Redis), tasks of each kind."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds that something may take which takes a second on an idle machine.
LONG = 60.0


def redis_answers() -> bool:
    try:
        socket.create_connection(("127.0.0.1", 6379), 1.0).close()
    except OSError:
        return False
    return True


pytestmark = [
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("celery", "redis"))),
        reason="celery and redis are not installed: they are in the extra 'compat'",
    ),
    pytest.mark.skipif(not redis_answers(), reason="no Redis answers on 127.0.0.1:6379"),
]

APPLICATION = """
import asyncio, os
from time import sleep                              # bound before the pool patches
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery.result import allow_join_result

app = Celery("tasks", broker="redis://127.0.0.1:6379/15", backend="redis://127.0.0.1:6379/14")
app.conf.update(task_default_queue=os.environ["QUEUE"], broker_connection_retry_on_startup=True)
here = 0

@app.task
def together():                                     # ends only if 20 run at once
    global here
    here += 1
    while here < 20:
        sleep(0.01)
    return True

@app.task
async def awaited(number):
    await asyncio.sleep(0.01)
    return number

@app.task
def asks():                                         # waits for another task
    with allow_join_result():
        return awaited.delay(7).get(timeout=30)

@app.task(soft_time_limit=0.2)
def soft():
    try:
        sleep(60)
    except SoftTimeLimitExceeded:
        return "soft"

@app.task(time_limit=0.2)
def hard():
    sleep(60)

@app.task
def long(path):
    try:
        open(path + ".begun", "w").close()
        sleep(60)
    finally:
        sleep(0.01)                                 # a finally block may wait
        open(path, "w").close()

@app.task
def fails():
    raise ValueError("no such thing")

@app.task
def short(seconds):
    sleep(seconds)
    return "done"
"""


class Worker:
    """A worker's process and its tasks."""

    def __init__(self, tasks: Any, process: subprocess.Popen[str]) -> None:
        self.tasks = tasks
        self.process = process

    def end(self, *signals: int) -> int:
        """Send *signals*; the exit code."""
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(LONG)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    name = f"tasks_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(APPLICATION, encoding="utf-8")
    monkeypatch.setenv("QUEUE", name)
    monkeypatch.syspath_prepend(str(tmp_path))
    command = [sys.executable, "-m", "celery", "-A", name, "worker", "-P", "custom", "-c", "20"]
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(
        [*command, "-l", "info", "-n", f"{name}@%h"],
        cwd=tmp_path,
        env={**os.environ, "CELERY_CUSTOM_WORKER_POOL": "greenbridge.celery:TaskPool"},
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
    )
    tasks: Any = importlib.import_module(name)
    try:
        yield Worker(tasks, process)
    finally:
        process.kill()
        process.wait()
        gc.collect()  # results that nobody asks for any more give their connections back
        tasks.app.close()
        log.seek(0)
        sys.stdout.write(log.read())
        log.close()


def test_tasks_of_every_kind(worker: Worker) -> None:
    from celery.exceptions import TimeLimitExceeded

    tasks = worker.tasks
    together = [tasks.together.delay() for _ in range(20)]
    assert [result.get(timeout=LONG) for result in together] == [True] * 20
    numbers = [tasks.awaited.delay(n) for n in range(10)]
    assert [result.get(timeout=LONG) for result in numbers] == list(range(10))
    assert tasks.asks.delay().get(timeout=LONG) == 7
    assert tasks.soft.delay().get(timeout=LONG) == "soft"
    with pytest.raises(TimeLimitExceeded):
        tasks.hard.delay().get(timeout=LONG)
    with pytest.raises(ValueError, match="no such thing"):
        tasks.fails.delay().get(timeout=LONG)
    stats = tasks.app.control.inspect(timeout=LONG, limit=1).stats()
    (told,) = stats.values()
    assert told["pool"]["implementation"] == "greenbridge.celery:TaskPool"


def wait_for(path: Path) -> None:
    """Wait until the worker has made the file."""
    code = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.02)"
    subprocess.run([sys.executable, "-c", code, str(path)], timeout=LONG, check=True)


def test_revoking_ends_a_task_where_it_waits(worker: Worker, tmp_path: Path) -> None:
    from celery.exceptions import TaskRevokedError

    ended = tmp_path / "ended"
    result = worker.tasks.long.delay(str(ended))
    wait_for(tmp_path / "ended.begun")
    while not worker.tasks.app.control.ping(timeout=1.0, limit=1):
        pass  # the remote control of Celery begins after the tasks do, and misses what was sent
    result.revoke(terminate=True)
    with pytest.raises(TaskRevokedError):
        result.get(timeout=LONG)
    wait_for(ended)
    assert worker.tasks.awaited.delay(1).get(timeout=LONG) == 1


def test_a_warm_shutdown_waits_for_what_runs(worker: Worker) -> None:
    tasks = worker.tasks
    assert tasks.awaited.delay(1).get(timeout=LONG) == 1
    results = [tasks.short.delay(1.0) for _ in range(3)]
    assert tasks.awaited.delay(2).get(timeout=LONG) == 2  # so they have been taken
    assert worker.end(signal.SIGTERM) == 0
    assert [result.get(timeout=LONG) for result in results] == ["done"] * 3


def test_a_cold_shutdown_ends_what_runs_and_finally_runs(worker: Worker, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    worker.tasks.long.delay(str(ended))
    wait_for(tmp_path / "ended.begun")
    worker.end(signal.SIGQUIT)
    assert ended.exists()
