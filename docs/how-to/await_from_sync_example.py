"""Async libraries used from plain functions; see await-from-sync.md."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

import greenbridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Connection:
    """Stands for a connection of an async library."""

    async def fetch(self, n: int) -> int:
        await asyncio.sleep(0)
        return n * n


@asynccontextmanager
async def connect() -> AsyncIterator[Connection]:
    await asyncio.sleep(0)
    yield Connection()


async def numbers(count: int) -> AsyncIterator[int]:
    for n in range(count):
        await asyncio.sleep(0)
        yield n


# --8<-- [start:all]
def total(count: int) -> int:
    result = 0
    with greenbridge.entered(connect()) as connection:  # async with
        for n in greenbridge.iterate(numbers(count)):  # async for
            result += greenbridge.await_(connection.fetch(n))  # await
    return result


# --8<-- [end:all]


# --8<-- [start:gather]
def squares(count: int) -> list[int]:
    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(Connection().fetch(n) for n in range(count)))

    return greenbridge.await_(all_of_them())


# --8<-- [end:gather]


def test_plain_program() -> None:
    # --8<-- [start:program]
    result = greenbridge.run(total, 4)
    # --8<-- [end:program]
    assert result == 0 + 1 + 4 + 9


async def test_asyncio_application() -> None:
    # --8<-- [start:application]
    result = await greenbridge.run_sync(total, 4)
    # --8<-- [end:application]
    assert result == 0 + 1 + 4 + 9


def test_at_once() -> None:
    assert greenbridge.run(squares, 4) == [0, 1, 4, 9]


def test_outside_green_code() -> None:
    with pytest.raises(greenbridge.NoPortalError):
        total(4)
