"""Structured concurrency for sync code: a block that ends when all that it started has ended."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Literal, final

from ._delivery import SCOPED
from ._errors import GreenExit, NoPortalError
from ._groups import joinall, killall
from ._portal import current_owner
from ._spawn import spawn
from ._timeouts import Timeout

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ._threads import GreenThread

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


class _Abort(BaseException):
    """Interrupts the body of a TaskGroup when a child has failed; never leaves it."""


@final
class TaskGroup:
    """``with TaskGroup() as group: group.spawn(fn, ...)``: joined at the end of the block.

    If a child or the body fails, the others are killed, all are waited for, and their errors
    are raised as an ExceptionGroup. If the body is killed, cancelled or timed out, so are the
    children, and that is raised on.
    """

    __slots__ = ("_abort", "_closed", "_entered", "_errors", "_owner", "_stopping", "_threads")

    def __init__(self) -> None:
        self._threads: list[GreenThread] = []
        self._errors: list[BaseException] = []
        self._abort: _Abort | None = None
        self._owner: Any = None
        self._entered = False
        self._stopping = False  # its children are being killed
        self._closed = False

    def __enter__(self) -> TaskGroup:
        if self._entered:
            raise RuntimeError("this TaskGroup has been used already; make a new TaskGroup()")
        self._owner = current_owner()
        if self._owner is None:
            raise NoPortalError(
                "a TaskGroup was entered where nothing can wait for its children. Enter it in "
                "green code: inside greenbridge.run(main), spawn() or run_sync(). In an async def "
                "use asyncio.TaskGroup"
            )
        self._entered = True
        return self

    def spawn(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> GreenThread:
        """Start ``fn(*args, **kwargs)`` as a child of the group.

        Raises:
            RuntimeError: outside the ``with`` block, or when the group is being cancelled.
        """
        if not self._entered or self._stopping or self._closed:
            state = "was not entered" if not self._entered else "has ended"
            if self._stopping and not self._closed:
                state = "is stopping its children"
            raise RuntimeError(f"this TaskGroup {state}; spawn inside 'with TaskGroup() as group:'")
        thread = spawn(fn, *args, **kwargs)
        self._threads.append(thread)
        thread._retrieved()  # the group raises it
        thread._add_link(self, lambda: self._ended(thread))
        return thread

    def _ended(self, thread: GreenThread) -> None:
        error = thread._error
        if error is None or isinstance(error, asyncio.CancelledError):
            return
        self._errors.append(error)
        self._stopping = True
        for other in self._threads:
            if not other.ready():
                other.interrupt(GreenExit())
        if self._abort is None:
            self._abort = _Abort()
            self._owner.interrupt(self._abort, SCOPED)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        aborted = self._abort is not None and self._owner.claim(self._abort, value)
        stopped: BaseException | None = None
        if value is not None and not aborted:
            if isinstance(value, (GreenExit, asyncio.CancelledError, Timeout)) or not isinstance(
                value, Exception
            ):
                stopped = value
            else:
                self._errors.append(value)
        if value is not None:
            self._stopping = True
            killall(self._threads, block=False)
        self._abort = self._abort or _Abort()  # nobody interrupts the body from here on
        while not all(thread.ready() for thread in self._threads):
            try:
                joinall(self._threads)
            except BaseException as exc:
                # Killed or cancelled while waiting: take the children along, and wait for them.
                if stopped is None:
                    stopped = exc
                self._stopping = True
                killall(self._threads, block=False)
        self._closed = True
        self._owner = None
        try:
            for error in (*self._errors, stopped):
                if isinstance(error, (KeyboardInterrupt, SystemExit)):  # for the program
                    raise error
            if self._errors:
                raise BaseExceptionGroup("unhandled errors in a TaskGroup", self._errors)
            if stopped is not None and stopped is not value:
                raise stopped
            return False
        finally:
            self._errors = []
            del stopped
