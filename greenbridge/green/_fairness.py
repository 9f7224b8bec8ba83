"""A poll that is answered at once does not wait; whoever only polls must not keep the CPU for that.

Theory of operation. Loops around ``select`` whose descriptors are always ready (a socket that can
be written, a TLS handshake that wants to read) and event loops whose callbacks never end would run
for ever: an OS thread gives up the interpreter in each of these calls, a green thread only when
it parks. So who asks a second time, without a switch since the first, gives way first: to those
that are ready, and to the loop (timers, descriptors) when it has asked for as long as OS threads
may keep the interpreter. *Before* the question, since an answer that was taken (an edge, a
one-shot event) must not be lost to a cancellation.
"""

from __future__ import annotations

from typing import Any

from .._turns import asked_since, is_long
from .._waiting import sleep

__all__ = ("asking",)


def asking(owner: Any) -> None:
    """Say that *owner* is about to poll; others may run first. Not in a block without switches.

    On cancellation nothing has been asked.
    """
    hub = owner.hub
    since = asked_since(hub)
    if since is not None and hub.forbidden is None and (hub.ready or is_long(since)):
        sleep(0)
