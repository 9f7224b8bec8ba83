"""Stand-ins for the methods of ``selectors`` that wait.

They take the place of the methods in the stdlib's own classes, so every selector waits
greenly: those made before patching, those of modules that imported the classes earlier
(``socketserver``, ``subprocess`` and ``multiprocessing.connection`` do), and subclasses.

asyncio's own loops are among their users. The loop of the hub finds nothing to park and
falls through to the original. A loop that runs inside a green thread parks that thread here
and waits for its epoll descriptor on the hub; what asyncio keeps per OS thread is swapped
meanwhile (``_threadstate``).
"""

from __future__ import annotations

import errno
import selectors
import weakref
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._originals import (
    EpollSelector_close,
    EpollSelector_select,
    PollSelector_select,
    SelectSelector_select,
)
from .._portal import current_owner
from .._threadstate import NESTED, get_running_loop, nest
from .._waiting import closing_fd
from ._fairness import asking
from ._polling import IN, OUT, Watch, deadline_after, found_readable, wait_epoll
from .socket import socket

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("close_epoll", "give_way", "parks", "select_epoll", "select_poll", "select_select")

_Ready = list[tuple[selectors.SelectorKey, int]]
# Those whose select() parks, as that of their subclasses does in the end.
_PARKING: Final = tuple(
    getattr(selectors, name)
    for name in ("EpollSelector", "PollSelector", "SelectSelector")
    if hasattr(selectors, name)
)


def parks(selector: object) -> bool:
    """Whether *selector* is one that waits greenly, so that whoever uses it lets others run."""
    return isinstance(selector, _PARKING)


def give_way() -> None:
    """Before a selector is asked that does not park (a GUI's, a test's): let others run first.

    On cancellation nothing has been asked.
    """
    _may_park(None)


def _may_park(timeout: float | None) -> bool:
    """Whether to wait on the hub; if an event loop runs here inside a green thread, say so."""
    owner = current_owner(may_nest=True)
    if owner is None:
        return False
    loop = get_running_loop()
    nested = loop is not None and loop is not owner.hub.loop
    if nested and getcurrent() not in NESTED:
        # Before the callbacks of that loop run for the first time: they may park as well.
        if owner.stepper is None:
            nest()
        else:
            nest(owner.hub.loop, owner.task)
    if nested or timeout is None or timeout > 0:
        asking(owner)
    return True


def _masks(selector: Any) -> dict[int, int]:
    return {
        key.fd: (key.events & selectors.EVENT_READ and IN)
        | (key.events & selectors.EVENT_WRITE and OUT)
        for key in selector._fd_to_key.values()
    }


def _select(original: Callable[..., _Ready], selector: Any, timeout: float | None) -> _Ready:
    if not _may_park(timeout):
        return original(selector, timeout)
    ready = original(selector, 0)
    if ready or (timeout is not None and timeout <= 0):
        return _found(ready)
    keys = selector._fd_to_key.values()
    sockets = all(isinstance(k.fileobj, socket) and k.fileobj.fileno() == k.fd for k in keys)
    with Watch(_masks(selector), deadline_after(timeout), only_sockets=sockets) as watch:
        while not ready:
            try:
                if not watch.wait():
                    break
            except OSError as error:
                # Closed while we waited: what that means is for the original to say.
                if error.errno != errno.EBADF:
                    raise
            ready = original(selector, 0)
    return _found(ready)


def _found(ready: _Ready) -> _Ready:
    if ready:
        found_readable(key.fileobj for key, events in ready if events & selectors.EVENT_READ)
    return ready


def select_select(self: selectors.SelectSelector, timeout: float | None = None) -> _Ready:
    """``SelectSelector.select``: park until a file object is ready, or for *timeout* seconds.

    None is for ever, 0 and below look only. Nothing is lost when the wait is cancelled.
    https://docs.python.org/3/library/selectors.html#selectors.BaseSelector.select
    """
    return _select(SelectSelector_select, self, timeout)


def select_poll(self: Any, timeout: float | None = None) -> _Ready:
    """``PollSelector.select``, as :func:`select_select`."""
    return _select(PollSelector_select, self, timeout)


def select_epoll(self: Any, timeout: float | None = None) -> _Ready:
    """``EpollSelector.select``, as :func:`select_select`; waits for the epoll descriptor itself.

    Raises ``OSError`` (EBADF) if other green code closes the selector meanwhile.
    """
    if not _may_park(timeout):
        return EpollSelector_select(self, timeout)  # type: ignore[no-any-return]
    ready: _Ready = EpollSelector_select(self, 0)
    if ready or (timeout is not None and timeout <= 0):
        return _found(ready)
    fd = self.fileno()
    _disarm_when_collected(self, fd)
    deadline = deadline_after(timeout)
    while not ready and wait_epoll(fd, deadline):
        ready = EpollSelector_select(self, 0)
    return _found(ready)


def _disarm_when_collected(selector: Any, fd: int) -> None:
    """A selector that is dropped without ``close`` closes *fd* silently: tell the hub first."""
    if selector not in _finalizers:
        finalizer = weakref.finalize(selector, closing_fd, fd)
        finalizer.atexit = False
        _finalizers[selector] = finalizer


_finalizers: weakref.WeakKeyDictionary[Any, weakref.finalize[..., Any]]
_finalizers = weakref.WeakKeyDictionary()


def close_epoll(self: Any) -> None:
    """``EpollSelector.close``; who waits for the selector gets ``OSError`` (EBADF)."""
    if not self._selector.closed:
        closing_fd(self.fileno())
    finalizer = _finalizers.pop(self, None)
    if finalizer is not None:
        finalizer.detach()
    EpollSelector_close(self)
