"""Stand-ins for the ``select`` module: ``select``, ``poll`` objects and ``epoll`` objects.

Each of them asks the original, and waits in between as ``_polling`` describes. Where there
is nothing to park (``_portal.current_owner``) the original does all of it.
"""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .._originals import select_epoll, select_poll, select_select
from .._portal import current_owner
from .._waiting import closing_fd, sleep, stalling
from ._fairness import asking
from ._numbers import number
from ._polling import IN, OUT, PRI, Watch, deadline_after, found_readable, wait_epoll
from .socket import socket

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from typing_extensions import Self

__all__ = ("epoll", "poll", "select")

# The original's largest timeouts; whatever is above goes to the original, which raises.
_MAX_S = 9_223_372_035.0  # 2**63 - 1 nanoseconds
_MAX_MS = 2**31 - 1
_POLL_MAX_MS = _MAX_S * 1000 if sys.version_info >= (3, 15) else _MAX_MS  # ppoll(2) since then


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


_FileLike = int | _HasFileno
_R = TypeVar("_R", bound="_FileLike")
_W = TypeVar("_W", bound="_FileLike")
_X = TypeVar("_X", bound="_FileLike")


def _descriptor(file: Any) -> int:  # Any: what the original has accepted already
    return file if isinstance(file, int) else file.fileno()


def _kept(files: Any) -> Any:
    """*files*, which are looked at more than once; an iterator would be used up by the first."""
    return list(files) if hasattr(type(files), "__next__") else files


def select(
    rlist: Iterable[_R],
    wlist: Iterable[_W],
    xlist: Iterable[_X],
    timeout: float | None = None,
    /,
) -> tuple[list[_R], list[_W], list[_X]]:
    """Park until a descriptor is ready, or for *timeout* seconds; None is for ever.

    In green code others run meanwhile; elsewhere it is the original. Nothing is lost when the
    wait is cancelled. https://docs.python.org/3/library/select.html#select.select

    Raises:
        OSError: a descriptor is bad, or was closed by other green code meanwhile (EBADF).
        TypeError: an argument is not what the original takes.
        ValueError: a negative timeout, or a descriptor too large for ``select``.
    """
    if timeout is None:
        limit = None
    else:
        limit = number(timeout)
        if not 0 < limit <= _MAX_S:  # no wait, or an error
            return select_select(rlist, wlist, xlist, timeout)
    owner = current_owner()
    if owner is None:
        return stalling("select.select", select_select, rlist, wlist, xlist, timeout)  # type: ignore[no-any-return]
    asking(owner)
    lists = _kept(rlist), _kept(wlist), _kept(xlist)
    ready: Any = select_select(*lists, 0)
    if not any(ready):
        ready = _wait(lists, limit)
    if ready[0]:
        found_readable(ready[0])
    return ready  # type: ignore[no-any-return]


def _wait(lists: tuple[Any, Any, Any], limit: float | None) -> Any:
    numbered: list[list[tuple[int, Any]]] = []
    masks: dict[int, int] = {}
    only_sockets = True
    for files, mask in zip(lists, (IN, OUT, PRI), strict=True):
        pairs = []
        for file in files:
            fd = _descriptor(file)
            pairs.append((fd, file))
            masks[fd] = masks.get(fd, 0) | mask
            only_sockets = only_sockets and isinstance(file, socket)
        numbered.append(pairs)
    if not masks and limit is not None:
        sleep(limit)
        return [], [], []
    with Watch(masks, deadline_after(limit), only_sockets=only_sockets) as watch:
        while watch.wait():
            # By number: a socket that was closed meanwhile has none, and that is EBADF.
            reads, writes, others = ([fd for fd, _ in pairs] for pairs in numbered)
            ready = select_select(reads, writes, others, 0)
            if any(ready):
                return tuple(
                    [file for fd, file in pairs if fd in found]
                    for pairs, found in zip(numbered, ready, strict=True)
                )
    return [], [], []


class _Poll:
    """What ``select.poll()`` returns: the original's methods, with a ``poll`` that parks."""

    __slots__ = ("_busy", "_masks", "_original")
    _original: Any  # a poll object; its type has no public name
    _masks: dict[int, int]  # descriptor -> events, as registered with the original
    _busy: bool

    def __new__(cls) -> Self:
        raise TypeError(f"cannot create '{cls.__module__}.{cls.__name__}' instances")

    def register(self, file: _FileLike, eventmask: int = IN | PRI | OUT, /) -> None:
        """Watch *file* for the events of *eventmask*; a second time replaces the events."""
        fd = self._descriptor_of(file)
        self._original.register(fd, eventmask)
        self._masks[fd] = eventmask

    def modify(self, file: _FileLike, eventmask: int, /) -> None:
        """Replace the events of *file*. Raises ``OSError`` (ENOENT) if it is not registered."""
        fd = self._descriptor_of(file)
        self._original.modify(fd, eventmask)
        self._masks[fd] = eventmask

    def unregister(self, file: _FileLike, /) -> None:
        """Stop watching *file*. Raises ``KeyError`` if it is not registered."""
        fd = self._descriptor_of(file)
        self._original.unregister(fd)
        del self._masks[fd]

    @staticmethod
    def _descriptor_of(file: Any) -> Any:
        """Its descriptor; the object itself if only the original can say what is wrong with it."""
        if isinstance(file, int) or not hasattr(file, "fileno"):
            return file
        fd = file.fileno()
        return fd if isinstance(fd, int) else file

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Park until something is ready, or for *timeout* milliseconds; None or negative: for ever.

        Nothing is lost when the wait is cancelled.

        Raises:
            RuntimeError: somebody else waits with this object already, as in the stdlib.
        """
        value = -1.0 if timeout is None else number(timeout)
        if self._busy:
            raise RuntimeError("concurrent poll() invocation")
        self._busy = True
        try:
            if value == 0 or not abs(value) <= _POLL_MAX_MS:  # no wait, or an error
                return self._original.poll(timeout)  # type: ignore[no-any-return]
            owner = current_owner()
            if owner is None:
                return stalling("poll", self._original.poll, timeout)  # type: ignore[no-any-return]
            asking(owner)
            return self._original.poll(0) or self._wait(None if value < 0 else value / 1000)
        finally:
            self._busy = False

    def _wait(self, limit: float | None) -> list[tuple[int, int]]:
        ready: list[tuple[int, int]] = []
        # The events as they are now: what others register meanwhile is for the next call, as in C.
        with Watch(dict(self._masks), deadline_after(limit)) as watch:
            while True:
                try:
                    if not watch.wait():
                        return ready
                except OSError as error:
                    # Closed while we waited: the original reports that as POLLNVAL.
                    if error.errno != errno.EBADF:
                        raise
                ready = self._original.poll(0)
                if ready:
                    return ready


def poll() -> _Poll:
    """A new poll object. https://docs.python.org/3/library/select.html#poll-objects"""
    new = object.__new__(_Poll)
    new._original = select_poll()
    new._masks = {}
    new._busy = False
    return new


class _EpollType(type):
    """Objects made before patching are instances of ``select.epoll`` as well."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is epoll and isinstance(instance, select_epoll)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if super().__subclasscheck__(subclass):
            return True
        return cls is epoll and subclass is select_epoll


class epoll(metaclass=_EpollType):
    """An epoll object whose ``poll`` parks. https://docs.python.org/3/library/select.html#epoll

    It holds an original one, whose type does not allow subclasses. An epoll descriptor is itself
    readable when there are events, so the hub waits for that, and events are taken only when
    they are asked for: edge-triggered and one-shot registrations behave as without us.
    """

    __slots__ = ("__weakref__", "_original")
    _original: Any  # a select.epoll, which some platforms do not have

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        self._original = select_epoll(sizehint, flags)

    @classmethod
    def fromfd(cls, fd: int, /) -> Self:
        """An epoll object for an epoll descriptor that exists."""
        new = cls.__new__(cls)
        new._original = select_epoll.fromfd(fd)
        return new

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._original.closed  # type: ignore[no-any-return]

    def fileno(self) -> int:
        """The epoll descriptor. Raises ``ValueError`` if closed."""
        return self._original.fileno()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the descriptor; who waits for it gets ``OSError`` (EBADF)."""
        if not self._original.closed:
            closing_fd(self._original.fileno())
        self._original.close()

    def __enter__(self) -> Self:
        self._original.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        exc_tb: TracebackType | None = None,
        /,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # A registration must not outlive its descriptor, which the original closes silently:
        # also if somebody else has closed it already.
        if hasattr(self, "_original"):
            try:
                self.close()
            except OSError:
                pass

    def register(self, fd: _FileLike, eventmask: int = IN | PRI | OUT) -> None:
        """Watch *fd*. Raises ``OSError`` (EEXIST) if it is registered already."""
        self._original.register(fd, eventmask)

    def modify(self, fd: _FileLike, eventmask: int) -> None:
        """Replace the events of *fd*. Raises ``OSError`` (ENOENT) if it is not registered."""
        self._original.modify(fd, eventmask)

    def unregister(self, fd: _FileLike) -> None:
        """Stop watching *fd*. Raises ``OSError`` (ENOENT) if it is not registered."""
        self._original.unregister(fd)

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Park until there is an event, or for *timeout* seconds; None or negative: for ever.

        No event is lost when the wait is cancelled.

        Raises:
            ValueError: the object is closed, or *maxevents* is not positive.
            OSError: other green code closed the object meanwhile (EBADF).
        """
        original = self._original
        value = -1.0 if timeout is None else number(timeout)
        wrong = not abs(value) <= _MAX_MS / 1000
        if value == 0 or wrong or original.closed:
            return original.poll(timeout, maxevents)  # type: ignore[no-any-return]
        owner = current_owner()
        if owner is None:
            return stalling("epoll", original.poll, timeout, maxevents)  # type: ignore[no-any-return]
        asking(owner)
        deadline = deadline_after(None if value < 0 else value)
        while True:
            ready: list[tuple[int, int]] = original.poll(0, maxevents)
            if ready or not wait_epoll(original.fileno(), deadline):
                return ready
