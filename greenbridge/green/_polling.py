"""Waiting for any of several descriptors, for ``select``, ``poll`` and the selectors.

Theory of operation. The question "what is ready?" is always put to the original, with a
timeout of 0, so results and errors are the stdlib's own. What happens here is only the
waiting until it is worth asking again, in one of two ways:

* A few green sockets, and nothing but "readable" and "writable": the hub waits for them
  itself. Its registrations stay armed, so a loop around ``select`` costs little. Only green
  sockets: they say when they are closed, and uvloop aborts the process when it finds a
  registration of a closed descriptor.
* Everything else (pipes, terminals, numbers, many descriptors, urgent data, events that only
  ``poll`` knows): a temporary epoll object watches them, and the hub waits for *its*
  descriptor, which becomes readable when one of them has an event. It is edge-triggered: a
  hang-up that nobody asked for, and that ``select`` does not report, is seen once and then
  waited through, where level-triggered waiting would spin. That is also why a wait of the
  first kind that ended without a result is continued in this way.

The ways not taken: asking again every few milliseconds; and a pool of epoll objects, which
would be four times as fast (5 us for 22) but look like leaked descriptors to every program
that counts them, and be shared with children after a fork.
"""

from __future__ import annotations

import errno
import select
from typing import TYPE_CHECKING, Any, Final

from .._fds import WATCHED
from .._originals import monotonic, select_epoll
from .._waiting import closing_fd, wait_any, wait_readable, wait_writable
from .socket import socket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

IN: Final = 0x001  # POLLIN and EPOLLIN: poll() and epoll have the same bits
PRI: Final = 0x002
OUT: Final = 0x004
_PLAIN: Final = frozenset((IN, OUT, IN | OUT))
_EDGE: Final = getattr(select, "EPOLLET", 0)
# Up to this many the hub waits itself: entering and leaving its queues costs about as much as
# the temporary epoll object from here on (a guess).
_FEW: Final = 16
# Seconds between two looks where there is no epoll and the hub cannot see the event (a guess).
_LOOK_AGAIN_S: Final = 0.02


def deadline_after(timeout: float | None) -> float | None:
    """The absolute deadline *timeout* seconds from now; None is never."""
    return None if timeout is None else monotonic() + timeout


def found_readable(files: Iterable[Any]) -> None:
    """Something waits in *files*: a green socket among them need not wait again to receive."""
    for file in files:
        if isinstance(file, socket) and file._gb_drained:
            file._gb_drained = False


def wait_epoll(fd: int, deadline: float | None) -> bool:
    """Park until the epoll object *fd* may have events; False at the deadline."""
    if deadline is None:
        return wait_readable(fd)
    left = deadline - monotonic()
    return left > 0 and wait_readable(fd, left)


class Watch:
    """A wait for events on descriptors that may have to be repeated; a context manager."""

    __slots__ = ("_deadline", "_epoll", "_hub_sees", "_masks")

    def __init__(
        self, masks: Mapping[int, int], deadline: float | None, *, only_sockets: bool = False
    ) -> None:
        """*masks*: descriptor -> poll() events. *only_sockets*: all of them are green sockets'."""
        self._masks = masks
        self._deadline = deadline
        self._epoll: Any = None  # a select.epoll, which some platforms do not have
        self._hub_sees = _PLAIN.issuperset(masks.values()) and (
            select_epoll is None or (only_sockets and len(masks) <= _FEW)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._epoll is not None:
            epoll_fd = self._epoll.fileno()
            for fd in self._masks:
                watchers = WATCHED.get(fd)
                if watchers is not None:
                    watchers.discard(epoll_fd)
                    if not watchers:
                        WATCHED.pop(fd, None)
            closing_fd(epoll_fd)
            self._epoll.close()
            self._epoll = None

    def wait(self) -> bool:
        """Park until it is worth asking the original again; False: the time is up.

        Raises ``OSError`` (EBADF) if one of the descriptors is closed meanwhile, unless it is
        the original that will find out.
        """
        left = None
        if self._deadline is not None:
            left = self._deadline - monotonic()
            if left <= 0:
                return False
        if self._hub_sees:
            self._hub_sees = False
            if len(self._masks) == 1:
                ((fd, mask),) = self._masks.items()
                if mask != IN | OUT:
                    (wait_readable if mask == IN else wait_writable)(fd, left)
                    return True
            reads = [fd for fd, mask in self._masks.items() if mask & IN]
            writes = [fd for fd, mask in self._masks.items() if mask & OUT]
            wait_any(reads, writes, left)
            return True
        if select_epoll is None:
            wait_any((), (), _LOOK_AGAIN_S if left is None else min(left, _LOOK_AGAIN_S))
            return True
        epoll = self._epoll
        if epoll is None:
            epoll = self._open()
            # What happened before the registration is an event as well: look at once.
            if epoll.poll(0):
                return True
        if wait_readable(epoll.fileno(), left):
            epoll.poll(0)  # take the edges; the original is asked next
        return True

    def _open(self) -> Any:
        epoll = self._epoll = select_epoll()
        epoll_fd = epoll.fileno()
        for fd, mask in self._masks.items():
            try:
                epoll.register(fd, mask | _EDGE)
            except OSError as error:
                # A regular file is always ready, or never for what was asked; a closed
                # descriptor is reported by the original.
                if error.errno not in (errno.EPERM, errno.EBADF):
                    raise
            else:
                WATCHED.setdefault(fd, set()).add(epoll_fd)
        return epoll
