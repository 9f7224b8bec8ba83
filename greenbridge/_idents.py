"""Who runs, as a number: thread identifiers of green threads, and of Tasks that import.

A green thread's identifier is the address of its object, which no other live object has, nor
any OS thread: those use the address of a structure of the C library. Code that is no green
thread has the identifier of its OS thread, coroutines and green tasks too, as under plain
asyncio. Only the import system tells green tasks apart; see :func:`import_ident`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from ._carriers import Carrier
from ._hub import HUBS
from ._originals import get_ident as native_ident
from ._tasks import Worker

if TYPE_CHECKING:
    from ._threads import GreenThread

__all__ = ("HANDLERS", "get_ident", "green_thread", "ident_of", "os_ident")


#: Greenlets in which a signal handler runs: that is the main thread's, whatever it interrupted.
HANDLERS: Final[set[Any]] = set()


def get_ident() -> int:
    """The identifier of the green thread that runs now; elsewhere that of the OS thread.

    https://docs.python.org/3/library/threading.html#threading.get_ident
    """
    at: Any = getcurrent()
    if HANDLERS and at in HANDLERS:
        return native_ident()
    while at.parent is not None:
        if isinstance(at, Carrier):  # in the child of a fork, too
            return id(at.thread)
        # A worker's parent is whoever made it; where it belongs is who steps it.
        at = at.stepper if isinstance(at, Worker) else at.parent
    return native_ident()


def ident_of(thread: GreenThread) -> int:
    """The identifier of a green thread."""
    return id(thread)


def green_thread(ident: int) -> GreenThread | None:
    """The live green thread with this identifier, of any OS thread."""
    for hub in HUBS[:]:
        for thread in list(hub.threads):
            if id(thread) == ident:
                return thread  # type: ignore[no-any-return]
    return None


def os_ident(ident: int) -> int:
    """The OS thread in which the thread *ident* runs, for calls that take no other."""
    thread = green_thread(ident)
    if thread is None:
        return ident
    return thread.hub.ident  # type: ignore[no-any-return]
