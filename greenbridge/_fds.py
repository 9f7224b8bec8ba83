"""Descriptors: who waits for which, and when the loop is told.

The rule that makes this fast: **a reader stays armed.** ``add_reader`` and
``remove_reader`` cost six ``epoll_ctl`` calls a pair on uvloop, so a descriptor that
was waited for once stays registered, and its callback makes the greenlet that waits
ready. Only when it fires again and again and nobody waits is it taken out (epoll is
level-triggered here: it would fire in every iteration).

The rule that makes it safe: **closed means closed.** uvloop aborts the process when
it finds a registration of a closed descriptor, so before a descriptor is closed,
detached or duplicated over, :func:`closing_fd` takes it out of every hub that has it
and wakes whoever waits with EBADF.

Any number of greenlets may wait for one descriptor: each event wakes the one that
has waited longest, and if it leaves data behind, the next event wakes the next.
"""

from __future__ import annotations

import contextvars
import errno
import os
from typing import Any, Final

from ._carriers import Carrier
from ._delivery import WOKEN
from ._errors import LoopMismatchError
from ._hub import HUBS, Hub
from ._originals import allocate_lock, get_ident
from ._owners import Wait

# How long closing_fd waits for a hub in another OS thread to let go of a descriptor. It answers
# within one iteration of its loop; only a loop that is blocked takes longer (a guess).
_FOREIGN_CLOSE_S: Final = 1.0
# Events that nobody waits for, before the descriptor is taken out. While green threads are ready,
# the one that was woken for it may be among them, not have run yet, and soon wait again. About as
# many cost what taking it out and in again costs.
_IDLE_EVENTS: Final = 50

#: Descriptors that are watched through an epoll object -> the descriptors of those objects.
#: Whoever waits for the epoll object is told as well when what it watches is closed.
WATCHED: Final[dict[int, set[int]]] = {}


class Fd:
    """One descriptor of one hub."""

    __slots__ = (
        "closed",
        "fd",
        "hub",
        "idle_events",
        "read_armed",
        "readers",
        "stale_read",
        "stale_write",
        "write_armed",
        "writers",
    )

    def __init__(self, hub: Hub, fd: int) -> None:
        self.hub = hub
        self.fd = fd
        self.readers: list[Any] = []
        self.writers: list[Any] = []
        self.read_armed = False
        self.write_armed = False
        # The next event is an old one: asyncio looks for events once more before the Task that we
        # have woken runs. It would wake the next in the queue for nothing, or disarm.
        self.stale_read = False
        self.stale_write = False
        self.idle_events = 0  # since somebody was woken last
        self.closed = False

    def arm_read(self) -> bool:
        """Have the loop watch for reading; False if this kind of file cannot be watched."""
        callback = self._on_readable_direct if self.hub.direct else self._on_readable
        self.read_armed = self._arm(self.hub.loop.add_reader, callback)
        return self.read_armed

    def arm_write(self) -> bool:
        """Have the loop watch for writing; False if this kind of file cannot be watched."""
        callback = self._on_writable_direct if self.hub.direct else self._on_writable
        self.write_armed = self._arm(self.hub.loop.add_writer, callback)
        return self.write_armed

    def _arm(self, add: Any, callback: Any) -> bool:
        fd = self.fd
        added = False
        try:
            # libuv makes a descriptor non-blocking when it first watches it; whoever shares it (a
            # child process, C code) must not notice.
            blocking = os.get_blocking(fd)
            # In an empty context: the registration would keep that of the first waiter alive.
            contextvars.Context().run(add, fd, callback)
            added = True
        except PermissionError:  # epoll refuses regular files: they are always ready
            return False
        except RuntimeError as exc:
            raise LoopMismatchError(
                f"file descriptor {fd} cannot be waited for: {exc}. asyncio's transports own their "
                "sockets; use the transport, or a socket of your own"
            ) from exc
        finally:
            if not added and not self.read_armed and not self.write_armed:
                self.hub.fds.pop(fd, None)
        if blocking and not os.get_blocking(fd):
            os.set_blocking(fd, True)
        return True

    # What the loop calls. Never switch from here, except on asyncio's own loops. While libuv
    # delivers events, it keeps a pointer to an array on its C stack (uv__io_poll, lfields->inv). A
    # switch moves that stack away, and the next add_reader, remove_reader or transport.close() in
    # the greenlet reads, and writes to, whatever lies there then (uv__platform_invalidate_fd).

    def _on_readable(self) -> None:
        readers = self.readers
        while readers:
            waiter = readers.pop(0)
            if waiter.state:
                continue
            self.idle_events = 0
            if type(waiter) is Carrier:  # the common case, without a call
                waiter.state = WOKEN
                hub = self.hub
                hub.ready.append(waiter)
                if not hub.scheduled:
                    hub.call_soon(hub.drain, context=hub.context)
                    hub.scheduled = True
                return
            if waiter.finish(WOKEN):
                return
        self._unwanted_read()

    def _on_writable(self) -> None:
        writers = self.writers
        while writers:
            if writers.pop(0).finish(WOKEN):
                self.idle_events = 0
                return
        self._unwanted_write()

    def _on_readable_direct(self) -> None:
        if self.stale_read:
            self.stale_read = False
        elif (waiter := self._enter_one(self.readers)) is None:
            self._unwanted_read()
        else:
            self.stale_read = not isinstance(waiter, Wait)

    def _on_writable_direct(self) -> None:
        if self.stale_write:
            self.stale_write = False
        elif (waiter := self._enter_one(self.writers)) is None:
            self._unwanted_write()
        else:
            self.stale_write = not isinstance(waiter, Wait)

    def _enter_one(self, queue: list[Any]) -> Any:
        """Wake who has waited longest, and let it run now unless a Task steps it."""
        while queue:
            waiter = queue.pop(0)
            if waiter.state:
                continue
            self.idle_events = 0
            if isinstance(waiter, Wait):
                waiter.state = WOKEN
                self.hub.enter(waiter.greenlet)
                return waiter
            if waiter.finish(WOKEN):
                return waiter
        return None

    def _may_be_wanted(self) -> bool:
        self.idle_events += 1
        return self.idle_events <= _IDLE_EVENTS and bool(self.hub.ready)

    def _unwanted_read(self) -> None:
        if self._may_be_wanted():
            return
        self.read_armed = False
        self.hub.loop.remove_reader(self.fd)
        if not self.write_armed:
            self.hub.fds.pop(self.fd, None)

    def _unwanted_write(self) -> None:
        if self._may_be_wanted():
            return
        self.write_armed = False
        self.hub.loop.remove_writer(self.fd)
        if not self.read_armed:
            self.hub.fds.pop(self.fd, None)

    def forget(self) -> None:
        """Take it out of the loop and wake who waits, with EBADF (they look at ``closed``)."""
        self.closed = True
        hub = self.hub
        if hub.fds.get(self.fd) is self:
            del hub.fds[self.fd]
        if not hub.loop.is_closed():
            if self.read_armed:
                hub.loop.remove_reader(self.fd)
            if self.write_armed:
                hub.loop.remove_writer(self.fd)
        self.read_armed = self.write_armed = False
        for waiter in (*self.readers, *self.writers):
            waiter.finish(WOKEN)
        self.readers.clear()
        self.writers.clear()


def fd_of(hub: Hub, fd: int) -> Fd:
    """The hub's record of *fd*, made if it has none."""
    record = hub.fds.get(fd)
    if record is None:
        if fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        record = hub.fds[fd] = Fd(hub, fd)
    return record


def closing_fd(fd: int) -> None:
    """Say that *fd* is about to be closed, detached or duplicated over; from any OS thread.

    Every green wait for it ends with ``OSError(EBADF)``, and no loop watches it afterwards.
    Does not switch.
    """
    for epoll_fd in tuple(WATCHED.get(fd, ())):
        closing_fd(epoll_fd)
    for hub in tuple(HUBS):
        record = hub.fds.get(fd)
        if record is None:
            continue
        if hub.ident == get_ident() or not hub.loop.is_running():
            record.forget()
        else:
            _forget_elsewhere(record)


def _forget_elsewhere(record: Fd) -> None:
    done = allocate_lock()
    done.acquire()

    def forget() -> None:
        record.forget()
        done.release()

    record.hub.call_threadsafe(forget)
    # Blocks this OS thread on purpose: when we return, the number may be reused.
    done.acquire(timeout=_FOREIGN_CLOSE_S)
