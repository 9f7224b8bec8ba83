"""Tests and fixtures that run in green threads; see testing.md."""

# --8<-- [start:mark]
import asyncio
from collections.abc import Iterator

import pytest

import pytest_greenbridge
from greenbridge import Queue, await_, spawn


@pytest.fixture
def jobs() -> Queue[str]:
    return Queue()


@pytest_greenbridge.fixture
def done(jobs: Queue[str]) -> Iterator[list[str]]:
    done: list[str] = []
    worker = spawn(lambda: done.extend(job.upper() for job in iter(jobs.get, "")))
    yield done
    jobs.put("")
    worker.join()  # the tear-down may wait, too
    assert done == ["A"]


@pytest.mark.green(timeout=5)  # seconds; leave it out for no limit
def test_in_a_green_thread(jobs: Queue[str], done: list[str]) -> None:
    assert await_(asyncio.sleep(0.01, "awaited")) == "awaited"
    jobs.put("a")


# --8<-- [end:mark]
