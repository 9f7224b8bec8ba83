"""What the tests of interrupts share: coroutines that wait under task groups, and counts."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from greenbridge import sleep

from .green import LONG

if TYPE_CHECKING:
    from collections.abc import Callable

needs_counting = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="cancellations are counted since 3.11"
)


def cancelling(task: Any = None) -> int:
    """How many cancellations of the Task are outstanding."""
    if sys.version_info < (3, 11):
        return 0
    task = task or asyncio.current_task()
    return int(task.cancelling())


async def in_asyncio_group() -> None:
    if sys.version_info < (3, 11):
        await asyncio.sleep(LONG)
        return
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(LONG))
        await asyncio.sleep(LONG)


async def in_anyio_group() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, LONG)
        await anyio.sleep(LONG)


async def in_sync_code() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, LONG)
        sleep(LONG)  # green code below a coroutine


WAITS = [in_asyncio_group, in_anyio_group, in_sync_code]


@pytest.fixture(params=WAITS, ids=lambda wait: wait.__name__)
def wait(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """A coroutine function that waits under a task group, which must not wrap what ends it."""
    found: Callable[[], Any] = request.param
    return found


async def the_task() -> Any:
    return asyncio.current_task()
