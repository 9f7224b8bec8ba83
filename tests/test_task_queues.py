"""Huey and RQ: their own workers, unmodified, with many jobs at once."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import ROOT
from .test_celery import LONG, redis_answers

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not redis_answers(), reason="no Redis answers on 127.0.0.1:6379")

URL = "redis://127.0.0.1:6379/13"
#: Jobs that end only if all of them run at once.
TOGETHER = 10
JOBS = f"""
import time

here = set()

def together(number):
    here.add(number)
    while len(here) < {TOGETHER}:
        time.sleep(0.01)
    return number
"""


def started(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """A program in *folder*, which finds greenbridge and the modules there."""
    path = os.pathsep.join((str(folder), str(ROOT)))
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env={**os.environ, "PYTHONPATH": path}
    )


def written(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module with *text*, imported."""
    name = f"jobs_{uuid.uuid4().hex}"
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module(name)


@pytest.mark.skipif(
    importlib.util.find_spec("huey") is None,
    reason="huey is not installed: it is in the extra 'compat'",
)
def test_hueys_worker_threads_are_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = uuid.uuid4().hex
    text = (
        JOBS + f"from huey import RedisHuey\nhuey = RedisHuey({name!r}, url={URL!r})\n"
        "task = huey.task()(together)\n"
    )
    jobs = written(tmp_path, text, monkeypatch)
    results = [jobs.task(number) for number in range(TOGETHER)]
    consumer = ("huey.bin.huey_consumer", f"{jobs.__name__}.huey", "-k", "thread", "-w", "20")
    process = started(tmp_path, "-m", "greenbridge", "-m", *consumer)
    try:
        found = [result.get(blocking=True, timeout=LONG) for result in results]
        assert found == list(range(TOGETHER))
        threads = os.listdir(f"/proc/{process.pid}/task")
        assert len(threads) < TOGETHER
    finally:
        process.terminate()
        process.wait(LONG)
        jobs.huey.storage.flush_all()


@pytest.mark.skipif(
    importlib.util.find_spec("rq") is None,
    reason="rq is not installed: it is in the extra 'compat'",
)
@pytest.mark.parametrize("many", [False, True], ids=["one worker that forks", "many workers"])
def test_rq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: bool) -> None:
    import redis
    import rq

    name = uuid.uuid4().hex
    jobs = written(tmp_path, JOBS if many else JOBS.replace("len(here)", "10"), monkeypatch)
    with redis.Redis.from_url(URL) as connection:
        queue = rq.Queue(name, connection=connection)
        waiting = [queue.enqueue(jobs.together, n) for n in range(TOGETHER if many else 2)]
        if many:
            program = str(ROOT / "docs" / "how-to" / "rq_many.py")
            process = started(tmp_path, program, URL, name, str(TOGETHER), "--burst")
        else:
            command = ("rq.cli", "worker", "--burst", "--url", URL, name)
            process = started(tmp_path, "-m", "greenbridge", "-m", *command)
        assert process.wait(LONG) == 0
        until = time.monotonic() + LONG
        while any(job.get_status(refresh=True) != "finished" for job in waiting):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert [job.return_value() for job in waiting] == list(range(len(waiting)))
        queue.delete(delete_jobs=True)
