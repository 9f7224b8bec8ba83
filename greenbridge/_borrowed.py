"""Waiting for descriptors whose end nobody tells us: pipes, terminals, pidfds, any number.

``_fds`` registers a descriptor with the loop and must hear before it is closed, or uvloop aborts
the process. A green socket says so. But the number that ``os.read`` is given may be closed by C
code at any time. So those are registered with an epoll object of the hub's own, and the loop
watches only *its* descriptor, for as long as the hub lives. The kernel forgets a closed
descriptor by itself there, and nothing is left that could be stale.

Each registration is for one event (``EPOLLONESHOT``): what nobody waits for any more makes no
noise, and to wait again costs one system call. An event may be an old one, of a file that had
the same number and lives on in another process, so who is woken looks before he reads.

Where there is no epoll, the loop watches the descriptor itself, for no longer than the wait.
"""

from __future__ import annotations

import contextvars
import os
from typing import TYPE_CHECKING, Any, Final

from ._delivery import WOKEN
from ._fds import Fd, fd_of
from ._originals import select_epoll, select_poll, select_select
from ._portal import current_owner
from ._waiting import POLLIN, POLLOUT, _wait_fd, _wait_original

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._hub import Hub

__all__ = ("is_ready", "side_of", "wait_borrowed")

_FD_MAX: Final = 2**31 - 1
_ONESHOT: Final = 1 << 30  # EPOLLONESHOT; the other bits are those of poll()

_sides: Final[dict[Hub, Side]] = {}


class Side:
    """The epoll object of one hub. It stands among the hub's descriptors, and ends with them."""

    __slots__ = ("_epoll", "_fd", "_hub", "_known", "closed")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._epoll: Any = select_epoll()
        self._fd: int = self._epoll.fileno()
        self._known: set[int] = set()  # numbers that were registered once
        self.closed = False
        # In an empty context: the registration would keep that of the first waiter alive.
        contextvars.Context().run(hub.loop.add_reader, self._fd, self._on_events)

    def watch(self, fd: int, events: int) -> bool:
        """Have *fd* watched for one of *events*; False if this kind of file cannot be watched."""
        events |= _ONESHOT
        if fd in self._known:
            try:
                self._epoll.modify(fd, events)
                return True
            except FileNotFoundError:  # it was closed meanwhile, and this is another one
                pass
        try:
            self._epoll.register(fd, events)
        except FileExistsError:
            self._epoll.modify(fd, events)
        except PermissionError:  # epoll refuses regular files: they are always ready
            return False
        self._known.add(fd)
        return True

    def unwatch(self, fd: int) -> None:
        """*fd* is about to be closed."""
        if fd in self._known and not self.closed:
            self._known.discard(fd)
            try:
                self._epoll.unregister(fd)
            except OSError:  # closed before
                pass

    def _on_events(self) -> None:
        fds: dict[int, Any] = self._hub.fds
        for fd, events in self._epoll.poll(0):
            record = fds.get(fd)
            if type(record) is Borrowed:
                record.fire(events)

    def forget(self) -> None:
        """The hub ends."""
        self.closed = True
        hub = self._hub
        _sides.pop(hub, None)
        hub.fds.pop(self._fd, None)
        if not hub.loop.is_closed():
            hub.loop.remove_reader(self._fd)
        self._epoll.close()


class Borrowed(Fd):
    """One descriptor that is waited for through the hub's epoll object."""

    __slots__ = ("_side",)

    def __init__(self, side: Side, hub: Hub, fd: int) -> None:
        Fd.__init__(self, hub, fd)
        self._side = side

    def arm_read(self) -> bool:
        self.read_armed = self._side.watch(self.fd, POLLIN | (self.write_armed and POLLOUT))
        return self.read_armed

    def arm_write(self) -> bool:
        self.write_armed = self._side.watch(self.fd, POLLOUT | (self.read_armed and POLLIN))
        return self.write_armed

    def fire(self, events: int) -> None:
        """One event: wake who has waited longest, and go on for the others."""
        self.read_armed = self.write_armed = False
        if events & ~POLLOUT:
            _wake_first(self.readers)
        if events & ~POLLIN:
            _wake_first(self.writers)
        if self.readers:
            self.arm_read()
        if self.writers:
            self.arm_write()
        self.let_go()

    def let_go(self) -> None:
        """Forget it if nobody waits."""
        if not self.readers and not self.writers and self.hub.fds.get(self.fd) is self:
            del self.hub.fds[self.fd]

    def forget(self) -> None:
        """It is about to be closed: wake who waits, with EBADF."""
        self._side.unwatch(self.fd)
        self.read_armed = self.write_armed = False  # there is nothing to take out of the loop
        Fd.forget(self)


def _wake_first(queue: Any) -> None:
    while queue:
        if queue.pop(0).finish(WOKEN):
            return


def side_of(hub: Hub) -> Side:
    """The hub's epoll object, made if it has none."""
    side = _sides.get(hub)
    if side is None:
        side = _sides[hub] = Side(hub)
        hub.fds[side._fd] = side  # type: ignore[assignment]  # all that is asked of it is forget()
    return side


def wait_borrowed(fd: int, events: int, timeout: float | None = None) -> bool:
    """Wait until *fd* may be ready, whoever may close it meanwhile.

    Args:
        fd: the number of any descriptor.
        events: ``POLLIN`` or ``POLLOUT``.
        timeout: in seconds; None waits without limit.

    Returns:
        True if it is worth trying, False if the time is over.

    Raises:
        OSError: EBADF, if the descriptor is not open, or is closed by green code meanwhile.

    On cancellation the wait ends and nothing is consumed.
    """
    owner = current_owner()
    if owner is None:
        return _wait_original(fd, events, timeout)
    hub = owner.hub
    record: Any = hub.fds.get(fd)
    if record is None:
        if select_epoll is None:
            record = fd_of(hub, fd)
        else:
            record = hub.fds[fd] = Borrowed(side_of(hub), hub, fd)
    try:
        if events == POLLIN:
            queue = record.readers
            armed = record.read_armed or record.arm_read()
        else:
            queue = record.writers
            armed = record.write_armed or record.arm_write()
        return not armed or _wait_fd(owner, record, queue, timeout)
    finally:
        if type(record) is Borrowed:
            record.let_go()
        elif select_epoll is None and not (record.readers or record.writers or record.closed):
            record.forget()  # it stays armed for green sockets only, which say when they go


def is_ready(fd: int, events: int) -> bool:
    """Whether reading (``POLLIN``) or writing (``POLLOUT``) would not block now.

    Also true of a descriptor with an error, or closed: the call will tell.
    """
    if not 0 <= fd <= _FD_MAX:
        return True
    if select_poll is None:
        reads, writes = ([fd], []) if events == POLLIN else ([], [fd])
        return any(select_select(reads, writes, [], 0))
    poller = select_poll()
    poller.register(fd, events)
    return bool(poller.poll(0))


def _close_in_child(sides: Iterable[Side]) -> None:
    for side in sides:
        side.closed = True
        side._epoll.close()


def _after_fork_in_child() -> None:
    # The object is the parent's as well: registrations made here would be made there.
    _close_in_child(tuple(_sides.values()))
    _sides.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
