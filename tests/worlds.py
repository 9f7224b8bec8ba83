"""One behaviour in every world: the original, and the green in threads, green threads and tasks.

A test takes the `world` fixture, runs its body with `world.run` and what goes on beside it
with `world.start`. It says nothing about how the body waits, so it holds for all of them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

import greenbridge

from .conftest import LOOPS

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Seconds that something may take which takes milliseconds; a guess.
LONG = 20.0


class Running:
    """Something that runs beside the test; `result` waits for it."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._value: Any = None
        self._error: BaseException | None = None
        self._call = fn, args
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        fn, args = self._call
        try:
            self._value = fn(*args)
        except BaseException as error:  # carried to the thread that asks for the result
            self._error = error

    def result(self) -> Any:
        self._thread.join(LONG)
        assert not self._thread.is_alive(), "it did not end"
        if self._error is not None:
            raise self._error
        return self._value


class GreenRunning:
    """As `Running`, in a green thread."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._thread = greenbridge.spawn(fn, *args)

    def result(self) -> Any:
        return self._thread.get(timeout=LONG)


class World:
    """Where code runs, and which implementation it calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.original = name == "original"  # the stdlib's own implementation
        self.green = name in LOOPS or name == "task"

    def run(self, body: Callable[[], T]) -> T:
        """Call *body* in this world."""
        if self.name == "task":
            return self._run_in_task(body)
        if self.green:
            return greenbridge.run(body, loop_factory=LOOPS[self.name])
        if self.name == "thread":
            result: T = Running(body, ()).result()
            return result
        return body()

    def _run_in_task(self, body: Callable[[], T]) -> T:
        async def main() -> T:
            greenbridge.install()
            return await asyncio.create_task(call())

        async def call() -> T:
            return body()

        return asyncio.run(main())

    def start(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Run *fn* beside the caller: in a green thread here, or in an OS thread."""
        if self.green:
            return GreenRunning(fn, args)
        return Running(fn, args)

    def pause(self, seconds: float = 0.02) -> None:
        """Let what runs beside the caller get to its wait."""
        if self.green:
            greenbridge.sleep(seconds)
        else:
            time.sleep(seconds)


@pytest.fixture(params=["original", "native", "thread", *LOOPS, "task"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)
