"""What the tests of ``nest()`` share: ways to run a coroutine inside a running loop."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

from greenbridge import nest

from .conftest import LOOPS
from .green import run_and_close

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


async def gives(value: Any, seconds: float = 0.0) -> Any:
    await asyncio.sleep(seconds)
    if isinstance(value, BaseException):
        raise value
    return value


def run(value: Any, seconds: float = 0.0) -> Any:
    """What sync code does: one way to run a coroutine."""
    return asyncio.run(gives(value, seconds))


def run_until_complete(value: Any, seconds: float = 0.0) -> Any:
    """... and the other."""
    return asyncio.get_event_loop().run_until_complete(gives(value, seconds))


WAYS: tuple[Callable[..., Any], ...] = (run, run_until_complete)


def on_each_loop(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Run *main* as a program does, where everything may nest, on each kind of loop."""
    with nest():
        for factory in LOOPS.values():
            run_and_close(factory, main)
