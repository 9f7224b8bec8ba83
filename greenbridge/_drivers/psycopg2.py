"""psycopg2: its wait callback, which libpq's coroutine support calls while a query is under way.

https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2 import OperationalError, extensions

from .._borrowed import wait_borrowed
from .._waiting import POLLIN, POLLOUT

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("hook", "wait")


def wait(connection: Any) -> None:  # Any: psycopg2 has no types
    """Park until the query or connection attempt under way on *connection* is over.

    On cancellation the query stays under way, so the connection cannot be used any more: close it.
    """
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        if state == extensions.POLL_READ:
            wait_borrowed(connection.fileno(), POLLIN)  # libpq closes it in C
        elif state == extensions.POLL_WRITE:
            wait_borrowed(connection.fileno(), POLLOUT)
        else:
            raise OperationalError(f"poll() of {connection!r} returned {state!r}")


def hook() -> Callable[[], object]:
    """Register :func:`wait`, unless the program has registered one of its own; how to undo it."""
    before = extensions.get_wait_callback()
    if before is not None:
        return lambda: None
    extensions.set_wait_callback(wait)

    def undo() -> None:
        if extensions.get_wait_callback() is wait:
            extensions.set_wait_callback(None)

    return undo
