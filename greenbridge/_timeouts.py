"""Time limits around blocking code: gevent's ``Timeout``, and anyio's cancel scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, final

from ._delivery import ITSELF, SCOPED
from ._errors import NoPortalError
from ._originals import monotonic
from ._portal import current_owner, promote
from ._threadstate import get_running_loop, set_running_loop
from ._timers import NEVER, check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


T = TypeVar("T")
_REQUIRED: Final[Any] = object()


def _owner(what: str) -> Any:
    owner = current_owner()
    if owner is None:
        raise NoPortalError(
            f"{what} can only interrupt green code, and here nothing can park: a native thread, a "
            "bare loop callback, or a program that has not spawned anything. Run the code with "
            "greenbridge.run(), spawn() or run_sync()"
        )
    return owner


class Timeout(BaseException):
    """Raised in a green thread or task when its time is over, at whatever it waits for.

    ``with Timeout(5): ...``, or ``start()`` and ``close()``. A BaseException, so that
    ``except Exception`` in the code under it does not swallow it.

    Args:
        seconds: None never fires.
        exception: raised instead of the Timeout itself; ``False`` raises the Timeout silently:
            the ``with`` block ends and swallows it.

    Raises:
        BadTimeoutError: if *seconds* is negative or NaN.
        NoPortalError: at the start, outside green code.

    If the wait under it has ended when the time is over, the Timeout is raised at the next wait
    inside the block, or not at all if there is none.
    """

    def __init__(
        self,
        seconds: float | None = None,
        exception: BaseException | type[BaseException] | Literal[False] | None = None,
    ) -> None:
        check_seconds(seconds)
        self.seconds = seconds
        self.exception = exception
        self.timer_at = NEVER
        self._when = NEVER
        self._owner: Any = None
        self._thrown: BaseException | None = None
        self._how = ITSELF

    @classmethod
    def start_new(
        cls,
        timeout: float | Timeout | None = None,
        exception: BaseException | type[BaseException] | Literal[False] | None = None,
    ) -> Timeout:
        """A started Timeout; one that is given is started if it was not."""
        if isinstance(timeout, Timeout):
            if not timeout.pending:
                timeout.start()
            return timeout
        made = cls(timeout, exception)
        made.start()
        return made

    @property
    def pending(self) -> bool:
        """Whether it is started and has not fired yet."""
        return self._owner is not None and self._thrown is None

    def start(self) -> None:
        """Begin to count, for the green thread or task that calls this."""
        if self._owner is not None:
            raise RuntimeError(f"{self!r} is started already; close() it first, or make another")
        self._thrown = None
        owner = current_owner()
        if owner is None:
            owner = _owner(f"{type(self).__name__}({self.seconds!r})")
        self._owner = owner
        self._how = ITSELF
        if self.seconds is not None:
            self._when = when = monotonic() + self.seconds
            if when < self.timer_at:
                owner.hub.timers.add(self, when)

    def due(self, now: float) -> float:
        """Called by the hub's timer."""
        owner = self._owner
        if owner is None or self._thrown is not None:
            return NEVER
        if self._when > now:  # closed and started again
            return self._when
        exc: Any = self if self.exception in (None, False) else self.exception
        try:
            self._thrown = thrown = exc() if isinstance(exc, type) else exc
        except BaseException as failed:  # that class cannot be made so: its user must see it
            self._thrown = thrown = failed
        owner.interrupt(thrown, self._how)
        return NEVER

    def close(self) -> None:
        """Stop counting; a Timeout that has fired and was not raised yet is taken back."""
        self._end(None)

    def _end(self, value: BaseException | None) -> bool:
        """Stop counting; whether *value*, which leaves the block, is this Timeout's doing."""
        owner = self._owner
        if owner is None:
            return False
        self._owner = None
        self._when = NEVER
        if self.timer_at != NEVER:
            owner.hub.timers.discard(self)
        return self._thrown is not None and owner.claim(self._thrown, value)

    cancel = close

    def __enter__(self) -> Self:
        if self._owner is None:
            self.start()
        # Code of asyncio's in the block may take it for what it knows: the end of the block will
        # see to it. One that was started without a block is raised as it is everywhere.
        self._how = SCOPED
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        thrown = self._thrown
        mine = self._end(value)
        if value is thrown or not mine or thrown is None:
            return value is self and self.exception is False
        if self.exception is False:
            return True
        raise thrown from None  # it came as a CancelledError

    def __str__(self) -> str:
        if self.seconds is None:
            return "no limit"
        return f"{self.seconds} second{'' if self.seconds == 1 else 's'}"

    def __repr__(self) -> str:
        state = " pending" if self.pending else ""
        return f"<{type(self).__name__} {self}{state}>"


def with_timeout(
    seconds: float | None,
    fn: Callable[..., T],
    /,
    *args: Any,
    timeout_value: Any = _REQUIRED,
    **kwargs: Any,
) -> Any:
    """Call ``fn(*args, **kwargs)``; after *seconds* raise Timeout, or return *timeout_value*."""
    timeout = Timeout(seconds)
    try:
        with timeout:
            return fn(*args, **kwargs)
    except Timeout as exc:
        if exc is timeout and timeout_value is not _REQUIRED:
            return timeout_value
        raise


@final
class CancelScope:
    """An anyio cancel scope for sync code: ``with``, no ``async``.

    Made by :func:`fail_after` and :func:`move_on_after`. The scope is anyio's own, of the Task of
    the green thread or task, so it nests with scopes in coroutines, on both sides of ``await_``.
    """

    __slots__ = ("_fail", "_loop", "_scope", "_seconds", "_shield")

    def __init__(self, seconds: float | None, shield: bool, fail: bool) -> None:
        check_seconds(seconds)
        self._seconds = seconds
        self._shield = shield
        self._fail = fail
        self._scope: Any = None

    def __enter__(self) -> CancelScope:
        owner = _owner("a cancel scope")
        if owner.stepper is None:
            promote(owner)
        self._loop = owner.loop
        from anyio import CancelScope as AnyioScope

        with _visible(self._loop):
            deadline = NEVER if self._seconds is None else self._loop.time() + self._seconds
            scope = AnyioScope(deadline=deadline, shield=self._shield)
            scope.__enter__()
        self._scope = scope
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        with _visible(self._loop):
            swallowed = bool(self._scope.__exit__(kind, value, traceback))
        if self._fail and self._scope.cancelled_caught and self._loop.time() >= self.deadline:
            raise TimeoutError(f"timed out after {self._seconds} seconds")
        return swallowed

    def cancel(self) -> None:
        """Cancel what runs inside the scope, at its next wait or in the one it is in."""
        with _visible(self._loop):
            self._scope.cancel()

    @property
    def deadline(self) -> float:
        """When the scope cancels, on the clock of the loop (``loop.time()``, seconds)."""
        return float(self._scope.deadline)

    @deadline.setter
    def deadline(self, value: float) -> None:
        with _visible(self._loop):
            self._scope.deadline = value

    @property
    def shield(self) -> bool:
        """Whether cancellation from outside is kept out; may be set."""
        return bool(self._scope.shield)

    @shield.setter
    def shield(self, value: bool) -> None:
        with _visible(self._loop):
            self._scope.shield = value

    @property
    def cancel_called(self) -> bool:
        """Whether the scope was cancelled, by ``cancel()`` or its deadline."""
        return bool(self._scope.cancel_called)

    @property
    def cancelled_caught(self) -> bool:
        """Whether the scope ended a wait and swallowed the cancellation."""
        return bool(self._scope.cancelled_caught)


class _visible:  # used as a statement
    """Show the loop while anyio looks for it."""

    __slots__ = ("_before", "_loop")

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    def __enter__(self) -> None:
        self._before = get_running_loop()
        set_running_loop(self._loop)

    def __exit__(self, *_: object) -> None:
        set_running_loop(self._before)


def move_on_after(seconds: float | None, shield: bool = False) -> CancelScope:
    """``with move_on_after(5) as scope:``: after *seconds* the block is left, without an error.

    Look at ``scope.cancelled_caught`` afterwards. *shield* keeps outer cancellations out.

    Raises:
        BadTimeoutError: if *seconds* is negative or NaN.
        NoPortalError: when entered outside green code.
    """
    return CancelScope(seconds, shield, False)


def fail_after(seconds: float | None, shield: bool = False) -> CancelScope:
    """As :func:`move_on_after`, but raises TimeoutError if the time was over."""
    return CancelScope(seconds, shield, True)
