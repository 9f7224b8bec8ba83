"""psycopg 3: the function that runs its generators, ``psycopg.waiting.wait``.

Its own choice on Linux waits in C (``wait_c``). The generators yield what they wait for and are
sent what has come: https://www.psycopg.org/articles/2024/09/23/async-to-sync/
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors, waiting

from .._borrowed import wait_borrowed
from .._originals import monotonic, select_poll
from .._waiting import parkable
from ..green._polling import Watch

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ("wait",)

_wait: Final = waiting.wait
_MASKS: Final = {
    waiting.WAIT_R: select.POLLIN,
    waiting.WAIT_W: select.POLLOUT,
    waiting.WAIT_RW: select.POLLIN | select.POLLOUT,
}
_BROKEN: Final = ~(select.POLLIN | select.POLLOUT)


def wait(
    gen: Generator[Any, Any, Any],  # Any: what is yielded and sent is psycopg's
    fileno: int,
    interval: float = 0.0,
    timeout: float | None = None,
) -> Any:
    """Run *gen* to its end and return its result, parking while it waits for *fileno*.

    Args:
        interval: seconds after which *gen* is told that nothing has come yet.
        timeout: in seconds, for all of it; None waits without limit.

    On cancellation the query stays under way, so the connection cannot be used any more: close it.
    """
    limit = {} if timeout is None else {"timeout": timeout}  # older versions have none
    if not parkable():
        return _wait(gen, fileno, interval, **limit)
    deadline = None if timeout is None else monotonic() + timeout
    try:
        wanted = next(gen)
        while True:
            left = max(interval, 0.0)
            if deadline is not None:
                left = max(0.0, min(left, deadline - monotonic()))
            ready = _ready(fileno, wanted, left)
            if ready:
                wanted = gen.send(ready)
            else:
                gen.send(waiting.READY_NONE)
            if deadline is not None and monotonic() >= deadline:
                raise errors._WaitTimeout("wait timeout expired")
    except StopIteration as end:
        return end.value


def _ready(fileno: int, wanted: Any, seconds: float) -> Any:
    """What of *wanted* is there, after at most *seconds*; 0 if nothing is."""
    mask = _MASKS[wanted]
    poller = select_poll()
    try:
        poller.register(fileno, mask)
        found = poller.poll(0)
        if not found and seconds:
            if mask in (select.POLLIN, select.POLLOUT):  # libpq closes it in C
                wait_borrowed(fileno, mask, seconds)
            else:
                with Watch({fileno: mask}, monotonic() + seconds) as watch:
                    watch.wait()
            found = poller.poll(0)
    except (OSError, ValueError) as error:  # closed meanwhile; its number is -1 then
        raise errors.OperationalError("connection socket closed") from error
    events = found[0][1] if found else 0
    ready = 0
    if events & select.POLLIN:
        ready |= waiting.READY_R
    if events & select.POLLOUT:
        ready |= waiting.READY_W
    if not ready and events & _BROKEN:
        raise errors.OperationalError("connection socket closed")
    return ready
