"""The seam: every wait of every stand-in goes through here.

In green code a wait parks on the hub; elsewhere (a native thread, a program that never
spawned anything, the loop's own internals) the original call waits. Code above this
layer never asks where it is.
"""

from __future__ import annotations

import errno
import math
import os
import select
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from ._carriers import Carrier
from ._delivery import PENDING, WOKEN
from ._errors import BadTimeoutError
from ._fds import Fd, fd_of
from ._fds import closing_fd as closing_fd
from ._hub import Hub, _local
from ._originals import monotonic, select_poll, select_select, time_sleep
from ._portal import current_owner, make_waiter, yield_once
from ._threadstate import NESTED
from ._timers import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = (
    "check_timeout",
    "closing_fd",
    "on_stall",
    "parkable",
    "sleep",
    "wait_any",
    "wait_readable",
    "wait_writable",
)

POLLIN: Final = getattr(select, "POLLIN", 1)
POLLOUT: Final = getattr(select, "POLLOUT", 4)

#: Called with (hub, what, seconds) after an original call has held a loop's thread.
on_stall: list[Callable[[Hub, str, float], object]] = []


def parkable() -> bool:
    """Whether a wait here would park a green thread or task on the hub."""
    return current_owner() is not None


def check_timeout(seconds: float | None, what: str = "timeout") -> None:
    """Refuse a timeout that is negative, NaN or no number.

    Raises:
        BadTimeoutError: with the line to write instead.
    """
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        try:
            seconds = float(seconds)
        except (TypeError, ValueError):
            raise BadTimeoutError(
                f"{what} must be a number of seconds or None, not {seconds!r}"
            ) from None
    if math.isnan(seconds) or seconds < 0:
        raise BadTimeoutError(
            f"{what} must be zero or more seconds, not {seconds!r}. "
            "Write None to wait without limit, 0 not to wait"
        )


def wait_readable(fd: int, timeout: float | None = None) -> bool:
    """Wait until *fd* can be read, or its peer has closed it.

    Args:
        fd: a descriptor of a socket, pipe, tty, epoll ...; a regular file is always ready.
        timeout: in seconds; None waits without limit.

    Returns:
        True if it is ready, False if the time is over.

    Raises:
        OSError: EBADF, if the descriptor is closed by another green thread meanwhile.

    On cancellation the wait ends and nothing is consumed.
    """
    carrier: Any = getcurrent()
    if type(carrier) is Carrier:
        own = carrier.thread
        hub = own.hub
        record = hub.fds.get(fd)
        if (
            record is not None
            and record.read_armed
            and own.stepper is None
            and own.pending is None
            and hub.forbidden is None
            and not NESTED
        ):
            # The common case, without a call that is not needed.
            if timeout is not None:
                carrier.deadline = deadline = monotonic() + timeout
                if deadline < own.timer_at:
                    hub.timers.add(own, deadline)
            carrier.state = PENDING
            own.waiter = carrier
            record.readers.append(carrier)
            try:
                following = hub.round.popleft()
                if not following:
                    following = hub.leave(following)
                following.switch()
            except BaseException:  # it was thrown in by hand
                _drop(record.readers, carrier)
                raise
            finally:
                own.waiter = None
                if timeout is not None:
                    carrier.deadline = NEVER
            if carrier.state == WOKEN:
                if record.closed:
                    raise OSError(errno.EBADF, os.strerror(errno.EBADF))
                return True
            _drop(record.readers, carrier)
            return carrier.over()
    return _wait_readable(fd, timeout)


def _wait_readable(fd: int, timeout: float | None) -> bool:
    owner = current_owner()
    if owner is None:
        return _wait_original(fd, POLLIN, timeout)
    hub = owner.hub
    record = hub.fds.get(fd) or fd_of(hub, fd)
    if not record.read_armed and not record.arm_read():
        return True
    return _wait_fd(owner, record, record.readers, timeout)


def wait_writable(fd: int, timeout: float | None = None) -> bool:
    """Wait until *fd* can be written; otherwise as :func:`wait_readable`."""
    owner = current_owner()
    if owner is None:
        return _wait_original(fd, POLLOUT, timeout)
    hub = owner.hub
    record = hub.fds.get(fd) or fd_of(hub, fd)
    if not record.write_armed and not record.arm_write():
        return True
    return _wait_fd(owner, record, record.writers, timeout)


def _wait_fd(owner: Any, record: Fd, queue: list[Any], timeout: float | None) -> bool:
    waiter = make_waiter(owner, NEVER if timeout is None else monotonic() + timeout)
    queue.append(waiter)
    try:
        woken: bool = waiter.park()
    finally:
        if waiter.state != WOKEN:
            _drop(queue, waiter)
    if record.closed:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return woken


def wait_any(reads: Iterable[int], writes: Iterable[int], timeout: float | None = None) -> None:
    """Wait until any descriptor of *reads* or *writes* may be ready, or *timeout* seconds.

    Returns without saying which: poll them again with a timeout of 0. A descriptor that is
    closed meanwhile, or a regular file, counts as ready. On cancellation nothing is consumed.
    """
    owner = current_owner()
    if owner is None:
        _wait_any_original(reads, writes, timeout)
        return
    hub = owner.hub
    waiter = make_waiter(owner)
    if timeout is not None:
        waiter.deadline = monotonic() + timeout
    queues = []
    try:
        for fd in reads:
            record = hub.fds.get(fd) or fd_of(hub, fd)
            if not record.read_armed and not record.arm_read():
                return
            record.readers.append(waiter)
            queues.append(record.readers)
        for fd in writes:
            record = hub.fds.get(fd) or fd_of(hub, fd)
            if not record.write_armed and not record.arm_write():
                return
            record.writers.append(waiter)
            queues.append(record.writers)
        waiter.park()
    finally:
        for queue in queues:
            _drop(queue, waiter)


def sleep(seconds: float = 0) -> None:
    """Sleep for *seconds*; 0 (the default) lets everything else that is ready run first.

    Outside green code the original ``time.sleep`` sleeps.

    Raises:
        BadTimeoutError: if *seconds* is negative or NaN.

    On cancellation the sleep ends at once.
    """
    if not seconds >= 0:
        check_timeout(seconds, "sleep()")
    carrier: Any = getcurrent()
    if type(carrier) is Carrier:
        own = carrier.thread
        hub = own.hub
        if own.stepper is None and own.pending is None and hub.forbidden is None and not NESTED:
            if seconds == 0:
                # No wait that could time out or be interrupted: it is ready already.
                hub.ready.append(carrier)
                if not hub.scheduled:
                    hub.schedule_drain()
                following = hub.round.popleft()
                if not following:
                    following = hub.leave(following)
                following.switch()
                return
            # Waiter.park, written out: many threads do nothing but sleep, and each frame counts.
            carrier.deadline = deadline = monotonic() + seconds
            if deadline < own.timer_at:
                hub.timers.add(own, deadline)
            carrier.state = PENDING
            own.waiter = carrier
            try:
                following = hub.round.popleft()
                if not following:
                    following = hub.leave(following)
                following.switch()
            finally:
                own.waiter = None
                carrier.deadline = NEVER
            carrier.over()
            return
    owner = current_owner()
    if owner is None:
        stalling("time.sleep", time_sleep, seconds)
    elif seconds:
        make_waiter(owner, monotonic() + seconds).park()
    elif owner.stepper is not None:
        yield_once(owner)
    else:
        if owner.pending is not None:
            owner.deliver()
        owner.hub.give_way()


def park_forever() -> None:
    """Wait until killed or cancelled."""
    owner = current_owner()
    if owner is None:
        stalling("wait", time_sleep, NEVER)
        return
    make_waiter(owner).park()


def _drop(queue: list[Any], waiter: Any) -> None:
    try:
        queue.remove(waiter)
    except ValueError:
        pass  # the descriptor's callback has passed over it: it was over already


# -- outside green code ------------------------------------------------------------------------


def stalling(what: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Make an original call that may block; report it if that holds up a running loop."""
    hub = _local.hub
    if hub is None or hub.closed or not hub.loop.is_running():
        return call(*args, **kwargs)
    began = monotonic()
    try:
        return call(*args, **kwargs)
    finally:
        hub.stalls += 1
        for report in on_stall:
            report(hub, what, monotonic() - began)


def _milliseconds(timeout: float | None) -> float | None:
    # poll() takes whole milliseconds: up, or a wait of 0.4 ms would spin.
    return None if timeout is None else math.ceil(timeout * 1000)


def _wait_original(fd: int, events: int, timeout: float | None) -> bool:
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    if select_poll is None:
        reads, writes = ([fd], []) if events == POLLIN else ([], [fd])
        return any(stalling("select", select_select, reads, writes, [], timeout))
    poller = select_poll()
    poller.register(fd, events)
    ready = stalling("poll", poller.poll, _milliseconds(timeout))
    if ready and ready[0][1] & getattr(select, "POLLNVAL", 0):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return bool(ready)


def _wait_any_original(reads: Iterable[int], writes: Iterable[int], timeout: float | None) -> None:
    if select_poll is None:
        stalling("select", select_select, list(reads), list(writes), [], timeout)
        return
    events: dict[int, int] = {}
    for fd in reads:
        events[fd] = POLLIN
    for fd in writes:
        events[fd] = events.get(fd, 0) | POLLOUT
    poller = select_poll()
    for fd, mask in events.items():
        poller.register(fd, mask)
    stalling("poll", poller.poll, _milliseconds(timeout))
