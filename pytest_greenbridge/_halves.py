"""A fixture with a ``yield``: one green thread, which waits between set-up and tear-down.

One thread for both halves keeps what belongs to a thread: its context (a token of a context
variable can only be used in the context that it is of), its Task, its thread-local data.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any, final

from greenbridge import Event, spawn
from greenbridge._hubs import get_hub

from ._running import _outcome, adopt, finished

if TYPE_CHECKING:
    from collections.abc import Generator

    from greenbridge import GreenThread


@final
class Halves:
    """One use of a generator fixture."""

    def __init__(self, generator: Generator[Any, None, None], name: str) -> None:
        self._generator = generator
        self._name = name
        self._go_on = Event()
        self._reached: asyncio.Future[tuple[Any, contextvars.Context]] | None = None
        self._thread: GreenThread | None = None

    async def set_up(self) -> Any:
        """Run it to its ``yield``, and give what it yields."""
        self._reached = asyncio.get_running_loop().create_future()
        self._thread = thread = spawn(_outcome, self._run)
        thread.name = f"fixture {self._name}"
        try:
            await asyncio.wait([self._reached])
        except asyncio.CancelledError as error:
            thread.kill(asyncio.CancelledError(*error.args), block=False)
            await finished(thread)
            raise
        if self._reached.cancelled():  # it ended first
            await finished(thread)
            raise ValueError(
                f"the fixture {self._name} did not yield. Each way through it has to reach one "
                "'yield'; a fixture without tear-down ends with 'return' instead"
            )
        value, context = self._reached.result()
        adopt(context)
        return value

    async def tear_down(self) -> None:
        """Run the rest of it, and wait for its end."""
        assert self._thread is not None
        get_hub()  # other loops may have run in this thread meanwhile: theirs is not the hub now
        self._go_on.set()
        await finished(self._thread)

    def _run(self) -> None:
        __tracebackhide__ = True
        assert self._reached is not None
        try:
            self._both_halves(self._reached)
        finally:
            # The loop may be one that waits on the hub, and has to be woken.
            self._reached.get_loop().call_soon_threadsafe(self._reached.cancel)

    def _both_halves(self, reached: asyncio.Future[tuple[Any, contextvars.Context]]) -> None:
        __tracebackhide__ = True
        try:
            value = next(self._generator)
        except StopIteration:
            return
        context = contextvars.copy_context()
        reached.get_loop().call_soon_threadsafe(_set, reached, (value, context))
        self._go_on.wait()
        try:
            next(self._generator)
        except StopIteration:
            return
        self._generator.close()
        raise ValueError(
            f"the fixture {self._name} has yielded a second time. It may yield once: what follows "
            "is its tear-down"
        )


def _set(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)
