"""What the tests of green Tasks ask a coroutine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from greenbridge import (
    is_green,
    sleep,
)
from greenbridge.testing import assert_switches

if TYPE_CHECKING:
    from collections.abc import Callable

    Factory = Callable[[], asyncio.AbstractEventLoop]


async def where() -> bool:
    """Whether it is green, now and after an await."""
    first = is_green()
    await asyncio.sleep(0)
    assert is_green() is first
    if first:
        with assert_switches():
            sleep(0)
    return first


def current_loop() -> Any:
    return asyncio.get_running_loop()
