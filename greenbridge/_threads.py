"""Green threads: what ``spawn`` starts, and the handle that it returns (they are one object)."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent, greenlet

from ._amid import place
from ._delivery import ITSELF_OUTSIDE
from ._errors import BlockingSwitchError, GreenbridgeError, GreenExit
from ._hubs import check_nested
from ._originals import TIMEOUT_MAX, allocate_lock, get_ident, monotonic
from ._owners import ThreadLike
from ._portal import _set_result, current_owner, finished, make_waiter
from ._report import Unretrieved, where
from ._timers import NEVER, check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ._hub import Hub

__all__ = ("GreenThread",)

_UNSET: Final = object()
_BEGUN: Final = object()
# How a thread may end without a report: somebody asked for it, or the program ends.
_NOT_REPORTED: Final = (KeyboardInterrupt, SystemExit, asyncio.CancelledError)
_first_link: Final = allocate_lock()  # two OS threads may bring a thread's first link at once


class GreenThread(ThreadLike):
    """A function that runs concurrently on the hub's loop, and the handle to it.

    Made by :func:`spawn`. It behaves as a thread: no event loop is visible in it, and a blocking
    call in it (patched, or one of greenbridge's own) lets everything else run. ``await`` it in
    a coroutine, or ``get()`` it in green code or from a native thread, for its result.

    An error that nobody fetched is reported once, through the loop's exception handler, with the
    stack where the thread was spawned and the one where it failed.
    """

    __slots__ = (
        "__weakref__",
        "_args",
        "_error",
        "_fn",
        "_kwargs",
        "_links",
        "_name",
        "_report",
        "_sent",
        "_value",
        "context",
        "greenlet",
        "hub",
        "pending",
        "resume",
        "spawned",
        "stepper",
        "task",
        "task_error",
        "timer_at",
        "waiter",
    )

    greenlet: Any  # the carrier that it runs in now
    hub: Any
    pending: Any
    stepper: Any
    task: asyncio.Task[Any] | None
    timer_at: float
    waiter: Any
    context: Any  # the contextvars.Context that it runs in; None when it has ended
    spawned: tuple[Any, ...]  # where; see _report.where
    _report: Any  # not set: nobody has looked for an error yet; see Unretrieved

    def __init__(self, hub: Any, fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.context = contextvars.copy_context()
        self.hub = hub
        self._fn: Any = fn
        self._args = args
        self._kwargs = kwargs or None
        self._links: list[tuple[object, Callable[[], object]]] | None = None
        self._value: Any = _UNSET
        self._error: BaseException | None = None
        self.greenlet = None
        self.waiter = None
        self.pending = None
        self.timer_at = NEVER
        self.stepper = None
        self.task = None
        hub.threads.add(self)

    def fresh(self) -> bool:
        """Whether it has not begun; a thread that is killed early stands in the queue twice."""
        return self._fn is not _BEGUN

    def begin(self) -> tuple[Any, Any, Any]:
        """What its carrier has to call: the function, its arguments, its keyword arguments."""
        call = self._fn, self._args, self._kwargs
        self._fn = _BEGUN
        self._args = self._kwargs = None
        return call

    def finish(self, value: Any, error: BaseException | None) -> Any:
        """Called by its carrier at its end. Returns who must get the CPU, if a Task steps it."""
        hub = self.hub
        self.pending = None
        self.context = None
        self._error = error
        self._value = value
        if error is not None and not isinstance(error, _NOT_REPORTED):
            self._report = Unretrieved(self, error)
        if self.timer_at != NEVER:
            hub.timers.discard(self)
        stepper = None if self.stepper is None else finished(self, error)
        hub.threads.discard(self)
        if self._links is not None:
            links, self._links = self._links, None
            while links:  # another OS thread may take its own out meanwhile
                links.pop(0)[1]()
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            # As in asyncio: these are for the program, not for whoever joins.
            hub.schedule(greenlet(partial(_raise, error), hub.greenlet))
        return stepper

    def __bool__(self) -> bool:
        """Whether it has begun and not finished."""
        return self._value is _UNSET and self._fn is _BEGUN

    @property
    def name(self) -> str:
        """A name for debugging; may be set."""
        try:
            return self._name
        except AttributeError:
            return f"GreenThread-{id(self):x}"

    @name.setter
    def name(self, value: str) -> None:
        self._name: str = value

    def ready(self) -> bool:
        """Whether it has finished, in whatever way."""
        return self._value is not _UNSET

    def successful(self) -> bool:
        """Whether it has finished and raised nothing (being killed is no error)."""
        return self._value is not _UNSET and self._error is None

    @property
    def value(self) -> Any:
        """What it returned; None if it has not finished or failed."""
        return None if self._value is _UNSET else self._value

    @property
    def exception(self) -> BaseException | None:
        """What it raised, or None. Looking at it counts as having handled the error."""
        self._retrieved()
        return self._error

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has finished; its error is not raised.

        Args:
            timeout: in seconds; None waits without limit. Look at :meth:`ready` afterwards.

        Raises:
            BlockingSwitchError: in a bare loop callback or coroutine, where this could never end.

        On cancellation of the caller the thread runs on.
        """
        if self._value is not _UNSET:
            return
        check_seconds(timeout)
        owner = current_owner()
        if owner is None:
            self._join_native(timeout)
            return
        if owner is self:
            raise GreenbridgeError(
                f"{self!r} was asked to join itself: it would wait for its own end for ever. "
                "Join it from the thread that spawned it"
            )
        deadline = NEVER if timeout is None else monotonic() + timeout
        waiter = make_waiter(owner, deadline)
        self._add_link(waiter, waiter.wake)
        try:
            waiter.park()
        finally:
            self._remove_link(waiter)

    def _join_native(self, timeout: float | None) -> None:
        if get_ident() == self.hub.ident:
            raise BlockingSwitchError(
                f"{self!r} was joined in {place()}; nothing could run it meanwhile. In an async "
                "def write 'await thread'; in a callback use 'thread.link(callback)'"
            )
        lock = allocate_lock()
        lock.acquire()
        self._add_link(lock, lock.release)
        try:
            lock.acquire(timeout=-1 if timeout is None else min(timeout, TIMEOUT_MAX))
        finally:
            self._remove_link(lock)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Its result: what it returned, or what it raised, raised here.

        Args:
            block: False does not wait.
            timeout: in seconds; None waits without limit.

        Raises:
            TimeoutError: if it has not finished by then.

        On cancellation of the caller the thread runs on.
        """
        if self._value is _UNSET and block:
            self.join(timeout)
        if self._value is _UNSET:
            raise TimeoutError(f"{self!r} has not finished")
        return self._result()

    def kill(
        self,
        exception: BaseException | type[BaseException] = GreenExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Raise *exception* in it, where it waits; before its first switch it never starts.

        Args:
            exception: class or instance. GreenExit (the default) ends it without an error.
            block: wait until it has finished (its ``finally`` blocks may take time).
            timeout: how long to wait, in seconds; None without limit.

        If it has been woken and not run yet, *exception* is raised at its next wait: what it was
        woken with is not lost. May be called from any OS thread.
        """
        check_seconds(timeout)
        exc: Any = exception() if isinstance(exception, type) else exception
        if not isinstance(exc, BaseException):
            raise TypeError(
                f"kill() needs an exception, an instance or its class, not {exception!r}"
            )
        if self._value is not _UNSET:
            return
        if get_ident() != self.hub.ident:
            self.hub.call_threadsafe(self.interrupt, exc)
        elif current_owner() is self:
            raise exc
        else:
            self.interrupt(exc)
        if block and (get_ident() != self.hub.ident or current_owner() is not None):
            self.join(timeout)

    def interrupt(self, exc: BaseException, how: int = ITSELF_OUTSIDE) -> None:
        """Raise *exc* at its wait; see ``Owner.interrupt``."""
        if self._value is _UNSET:
            super().interrupt(exc, how)

    def link(self, callback: Callable[[GreenThread], object]) -> None:
        """Call ``callback(thread)`` in a new green thread when this one has finished, or now."""
        if not callable(callback):
            raise TypeError(f"link() needs a function to call, not {callback!r}")
        self._retrieved()
        self._add_link(callback, partial(_spawn_on, self.hub, callback, self))

    def unlink(self, callback: Callable[[GreenThread], object]) -> None:
        """Do not call *callback* any more."""
        self._remove_link(callback)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in a coroutine. If the awaiting Task is cancelled, the thread runs on."""
        if self._value is _UNSET:
            loop = asyncio.get_running_loop()
            hub = self.hub
            future = loop.create_future()
            if loop is hub.loop:
                self._add_link(future, partial(_set_result, future))
            else:
                if hub.owned and hub.ident == get_ident():
                    check_nested(hub, loop)
                self._add_link(future, partial(_settle_elsewhere, loop, future))
            try:
                yield from future
            finally:
                self._remove_link(future)
        return self._result()

    def unwind(self) -> None:
        """Kill it now, without a loop: the hub is ending, and the caller is its greenlet."""
        if self._value is not _UNSET:
            return
        waiter = self.waiter
        task: Any = self.task
        if task is not None:
            task._log_destroy_pending = False  # it will not be stepped any more, and that is right
        self.stepper = None
        if not self:
            self.begin()
            self.finish(GreenExit(), None)
            return
        parked = getattr(waiter, "greenlet", None) or getattr(self, "resume", self.greenlet)
        if parked is not getcurrent():
            parked.throw(GreenExit())

    def __repr__(self) -> str:
        if self._value is _UNSET:
            state = "not started" if not self else "ready" if self.waiter is None else "parked"
            if getcurrent() is self.greenlet:
                state = "running"
        elif self._error is not None:
            state = f"failed with {self._error!r}"
        else:
            state = "finished"
        return f"<{type(self).__name__} {self.name!r} {state}>"

    def _result(self) -> Any:
        self._retrieved()
        if self._error is not None:
            raise self._error
        return self._value

    def _retrieved(self) -> None:
        try:
            report = self._report
        except AttributeError:
            self._report = None  # nothing to report, now or later
        else:
            if report is not None:
                report.done = True

    def _add_link(self, key: object, call: Callable[[], object]) -> None:
        # Native threads come here as well: each link is taken out once, by who calls it.
        links = self._links
        if links is None:
            with _first_link:
                links = self._links
                if links is None:
                    links = self._links = []
        link = (key, call)
        links.append(link)
        if self._value is not _UNSET and _take_out(links, link):  # it has finished just now
            call()

    def _remove_link(self, key: object) -> None:
        links = self._links
        if links is not None:
            for link in links[:]:
                if link[0] == key:  # a method is a new object each time
                    _take_out(links, link)


def _settle_elsewhere(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    try:
        loop.call_soon_threadsafe(_set_result, future)
    except RuntimeError:
        if not loop.is_closed():  # else nobody waits there any more
            raise


def _take_out(links: list[tuple[object, Callable[[], object]]], link: Any) -> bool:
    """Remove *link*; False if somebody else has."""
    try:
        links.remove(link)
    except ValueError:
        return False
    return True


def _raise(error: BaseException) -> None:
    raise error


def start(hub: Hub, thread: GreenThread) -> None:
    """Put *thread* into the ready queue; it begins when its turn comes."""
    hub.ready.append(thread)
    if not hub.scheduled:
        hub.schedule_drain()


def _spawn_on(hub: Hub, fn: Callable[..., Any], *args: Any) -> None:
    """Start a green thread on *hub*, from any OS thread."""
    if get_ident() == hub.ident:
        thread = GreenThread(hub, fn, args, None)
        thread.spawned = where(sys._getframe(1))
        start(hub, thread)
    else:
        hub.call_threadsafe(_spawn_on, hub, fn, *args)
