"""Runs a test, or a part of a fixture, in a green thread that a coroutine waits for."""

from __future__ import annotations

import asyncio
import contextvars
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

import pytest

from greenbridge import GreenThread, Timeout, getcurrent, killall, spawn
from greenbridge._hubs import get_hub
from greenbridge._report import describe

from ._marks import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

#: Seconds that the finally blocks of what a test has left running may take; a guess.
GRACE_S: Final = 5.0
# Variables of greenbridge's own belong to one Task, or to one green thread.
_OURS: Final = "greenbridge"
_ABSENT: Final = object()
_HERE: Final = os.path.dirname(__file__)


class LeftRunningWarning(pytest.PytestWarning):
    """A green test has ended and left green threads running; they were killed."""


@final
@dataclass(frozen=True, slots=True)
class Value:
    """What a call has returned, and the context variables at its end."""

    value: Any
    context: contextvars.Context


@final
@dataclass(frozen=True, slots=True)
class Error:
    """What a call has raised: also what must not end a green thread, or not be reported by it."""

    error: BaseException


def _outcome(call: Callable[[], object]) -> Value | Error:
    __tracebackhide__ = True
    try:
        value = call()
    except BaseException as error:
        return Error(error)
    return Value(value, contextvars.copy_context())


async def in_green_thread(call: Callable[[], object], name: str) -> Value:
    """Call *call* in a green thread and wait for it.

    Raises:
        BaseException: whatever *call* raises.

    On cancellation CancelledError is raised in *call* where it waits, and here when it has ended.
    """
    __tracebackhide__ = True
    thread = spawn(_outcome, call)
    thread.name = name
    return await finished(thread)


async def finished(thread: GreenThread) -> Value:
    """The outcome of a green thread that runs ``_outcome``; see :func:`in_green_thread`."""
    __tracebackhide__ = True
    cancelled: BaseException | None = None
    while not thread.ready():
        try:
            await thread
        except asyncio.CancelledError as error:
            cancelled = error
            thread.kill(asyncio.CancelledError(*error.args), block=False)
    outcome = thread.value
    try:
        if isinstance(outcome, Error) and not (
            cancelled and isinstance(outcome.error, asyncio.CancelledError)
        ):
            raise outcome.error
        if cancelled is not None:
            raise cancelled
        if not isinstance(outcome, Value):  # killed before it began
            raise outcome
        return outcome
    finally:
        del outcome, cancelled, thread  # the traceback holds this frame


def adopt(context: contextvars.Context) -> None:
    """Set the context variables that *context* has, and that are different here."""
    for variable, value in context.items():
        if not variable.name.startswith(_OURS) and variable.get(_ABSENT) is not value:
            variable.set(value)


# -- tests -----------------------------------------------------------------------------------------


@final
class Current:
    """The test that runs now, and where to tell what it leaves; the hooks set it."""

    item: pytest.Item | None = None
    tell_left: Callable[[str], object] | None = None


async def run_test(
    fn: Callable[..., object], args: Collection[Any], kwargs: Mapping[str, Any]
) -> None:
    """Run a test function as the mark of the current item says."""
    __tracebackhide__ = True
    item = Current.item
    mark = None if item is None else item.get_closest_marker(NAME)
    timeout = None if mark is None else mark.kwargs.get("timeout")
    before = set(get_hub().threads)
    call = partial(_in_limit, partial(fn, *args, **kwargs), timeout)
    thread = spawn(_outcome, partial(_then_end_all, call, before))
    thread.name = fn.__name__
    result = (await finished(thread)).value
    if result is not None and item is not None:
        item.warn(
            pytest.PytestReturnNotNoneWarning(
                f"a test should return None, but {fn.__name__}() returned {type(result)!r}. Did "
                "you mean 'assert' instead of 'return'?"
            )
        )


def _in_limit(call: Callable[[], object], seconds: float | None) -> object:
    __tracebackhide__ = True
    limit = Timeout(seconds)
    result: object = None
    try:
        with limit:
            result = call()
    except Timeout as timeout:
        if timeout is not limit:
            raise
        message = f"the test took longer than {limit}: its mark is green(timeout={seconds})"
        where = timeout.__traceback__  # the line of the test that did not come to its end
        raise pytest.fail.Exception(message).with_traceback(where) from None
    return result


def _then_end_all(call: Callable[[], object], before: Collection[GreenThread]) -> object:
    """Call, then kill what it has spawned and left: tests must not run into each other."""
    __tracebackhide__ = True
    me = getcurrent()
    assert isinstance(me, GreenThread)
    passed = False
    try:
        result = call()
        passed = True
        return result
    finally:
        # Not what the patched threading module starts: a thread goes on, there as here.
        left = [
            t for t in me.hub.threads if type(t) is GreenThread and t not in before and t is not me
        ]
        if left:
            text = describe(left, without=_HERE)
            killall(left, timeout=GRACE_S)
            stubborn = [thread for thread in left if not thread.ready()]
            if passed:
                _tell(text, stubborn)


def _tell(text: str, stubborn: Collection[GreenThread]) -> None:
    __tracebackhide__ = True
    if stubborn:
        pytest.fail(
            f"green threads that the test has left running did not end within {GRACE_S:g} seconds "
            f"when they were killed: {list(stubborn)}\n{text}",
            pytrace=False,
        )
    if Current.tell_left is not None:
        Current.tell_left(text)
    elif Current.item is not None:
        Current.item.warn(
            LeftRunningWarning(
                "the test has ended and left green threads running, which were killed. Join or "
                "kill them in the test, or spawn them in a fixture, and they live as long as its "
                f"loop does.\n{text}"
            )
        )
