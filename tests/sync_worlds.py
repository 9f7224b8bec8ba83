"""Everybody who can use a primitive: green threads, green tasks, coroutines, native threads."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import TYPE_CHECKING, Any

import greenbridge
from greenbridge._hubs import get_hub
from greenbridge._sync import Outcome

from .conftest import LOOPS
from .green import LONG, run_green

if TYPE_CHECKING:
    from collections.abc import Callable

#: Who there is. "elsewhere" is a green thread of another OS thread, on a loop of its own.
WORLDS = ("thread", "task", "coroutine", "native", "elsewhere")

#: The OS threads of the test that runs.
started: list[threading.Thread] = []


def settle(outcome: Outcome[Any], fn: Callable[[], Any]) -> None:
    try:
        outcome.set_value(fn())
    except BaseException as error:  # carried over to whoever asks
        outcome.set_error(error)


async def settle_async(outcome: Outcome[Any], fn: Callable[[], Any]) -> None:
    try:
        outcome.set_value(await fn())
    except BaseException as error:  # carried over to whoever asks
        outcome.set_error(error)


async def call(fn: Callable[..., Any], *args: Any) -> None:
    fn(*args)


class Actor:
    """One operation, running in one of the WORLDS; `get` gives what it came to."""

    def __init__(self, world: str, fn: Callable[..., Any], name: str = "", *args: Any) -> None:
        """*fn* is a bound method of a primitive; a coroutine takes its ``_async`` form."""
        self.outcome: Outcome[Any] = Outcome()
        self.kill: Callable[[], object] | None = None
        step = functools.partial(settle, self.outcome, functools.partial(fn, *args))
        if world == "thread":
            thread = greenbridge.spawn(step)
            self.kill = functools.partial(thread.kill, block=False)
        elif world == "task":
            self.kill = get_hub().loop.create_task(call(step)).cancel
        elif world == "coroutine":
            own = getattr(getattr(fn, "__self__", None), f"{name or fn.__name__}_async", None)
            if own is not None:
                body: Any = settle_async(self.outcome, functools.partial(own, *args))
            else:
                body = call(step)
            # The plain class, so that the loop's factory does not make it green.
            self.kill = asyncio.Task(body, loop=get_hub().loop).cancel
        elif world == "native":
            self._start(step)
        else:
            self._start(functools.partial(self._elsewhere, step))

    @staticmethod
    def _start(target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        started.append(thread)
        thread.start()

    @staticmethod
    def _elsewhere(step: Callable[[], None]) -> None:
        def main() -> None:
            greenbridge.spawn(step).join()

        greenbridge.run(main, loop_factory=LOOPS["asyncio"])

    def get(self) -> Any:
        return self.outcome.get(LONG)

    def waits(self, line: list[Any], length: int = 1) -> Actor:
        """Let others run until *length* tickets stand in *line*."""
        until(lambda: len(line) >= length)
        return self


def until(condition: Callable[[], bool]) -> None:
    """Let others run until *condition* holds."""
    for _ in range(int(LONG / 0.001)):
        if condition():
            return
        greenbridge.sleep(0.001)
    raise AssertionError("it did not come to that")


def in_worlds(body: Callable[..., None], loop_factory: Any, *args: Any) -> None:
    """Run *body* in green code, on a loop whose Tasks are green."""

    def make() -> Any:
        loop = loop_factory()
        greenbridge.install(loop)
        return loop

    def test() -> None:
        body(*args)
        while started:
            thread = started.pop()
            until(lambda thread=thread: not thread.is_alive())  # type: ignore[misc]

    started.clear()
    run_green(test, loop_factory=make)
