"""Tests whose body runs in green code, on each event loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import greenbridge
from greenbridge._hub import HUBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenbridge.testing import Heartbeat

#: Seconds far above what anything here takes, for waits that must not end by themselves.
LONG = 30.0
#: Seconds that a wait with a short limit is given.
SHORT = 0.01


def until_parked(thread: Any) -> None:
    """Let others run until *thread* waits for something that will not come by itself."""
    while not (thread.ready() or _waits_for_a_future(thread.task)):
        if thread.task is None and thread.waiter is not None:
            return
        greenbridge.sleep(0)


async def until_waiting(task: Any) -> None:
    """As `until_parked`, for a Task."""
    while not (task.done() or _waits_for_a_future(task)):  # noqa: ASYNC110  # nobody could tell
        await asyncio.sleep(0)


def _waits_for_a_future(task: Any) -> bool:
    future = None if task is None else task._fut_waiter
    return future is not None and not future.done()


def run_green(
    body: Callable[..., Any],
    *args: Any,
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    reports: list[dict[str, Any]] | None = None,
) -> Any:
    """``greenbridge.run(body, *args)``; the loop must not report any error.

    With *reports*, what the loop's exception handler is told goes there, and may be there.
    """
    seen: list[dict[str, Any]] = [] if reports is None else reports

    def make() -> asyncio.AbstractEventLoop:
        loop = loop_factory()
        loop.set_exception_handler(lambda _, context: seen.append(context))
        return loop

    result = greenbridge.run(body, *args, loop_factory=make)
    assert reports is not None or not seen, f"the loop reported: {seen}"
    assert not [hub for hub in HUBS if hub.owned], "the hub was not taken down"
    return result


def run_and_close(factory: Callable[[], asyncio.AbstractEventLoop], main: Any) -> None:
    """Run the coroutine function *main* on a loop of its own, as a program without a hub does."""
    loop = factory()
    try:
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


@contextmanager
def others_run(beat: Heartbeat) -> Iterator[None]:
    """A block that waits for longer than a beat, and lets the loop run meanwhile.

    However late everything is on a busy machine, a beat is due before the wait's end.
    """
    greenbridge.sleep(0)  # a heartbeat that has just been made begins
    before = beat.beats
    yield
    assert beat.beats > before, "the loop stood still while the block waited"


def until(condition: Callable[[], object]) -> None:
    """Wait, in green code, until *condition* holds."""
    with greenbridge.Timeout(LONG):
        while not condition():
            greenbridge.sleep(SHORT / 10)


def in_green(body: Callable[..., Any]) -> Callable[..., None]:
    """Decorate a test (``def`` or ``async def``): ``greenbridge.run`` calls it, on each loop."""

    @functools.wraps(body)
    def test(*, loop_factory: Callable[[], asyncio.AbstractEventLoop], **fixtures: Any) -> None:
        run_green(functools.partial(body, **fixtures), loop_factory=loop_factory)

    signature = inspect.signature(body)
    own = inspect.Parameter("loop_factory", inspect.Parameter.KEYWORD_ONLY)
    parameters = [*signature.parameters.values(), own]
    test.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=None
    )
    del test.__wrapped__  # pytest must not see an async function
    return test
