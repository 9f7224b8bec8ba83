"""How long the code that runs now has had the CPU while it asked for things and waited for none.

An OS thread is made to give up the interpreter after the switch interval, a green thread leaves
the CPU only where it waits. What may be asked for again and again without a wait (a poll, an empty
queue, the next job) asks here whether it is time to let others run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ._originals import monotonic
from ._waiting import sleep

if TYPE_CHECKING:
    from ._hub import Hub

__all__ = ("asked_since", "give_way_after_long", "is_long")


def asked_since(hub: Hub) -> float | None:
    """When the code that runs now has first asked, by the monotonic clock; None: it asks first."""
    # Hub.count_switches, as far as it matters here: it does not change while nobody else runs.
    turn = hub.switches - len(hub.round)
    before, since = hub.asked
    if before == turn:
        return since  # type: ignore[no-any-return]
    hub.asked = turn, monotonic()
    return None


def is_long(since: float) -> bool:
    """Whether an OS thread that runs *since* then would have been made to give way."""
    return monotonic() - since >= sys.getswitchinterval()


def give_way_after_long(hub: Hub) -> None:
    """Let others run if it is time; not in a block without switches.

    On cancellation of the caller it is raised here.
    """
    since = asked_since(hub)
    if since is not None and hub.forbidden is None and is_long(since):
        sleep(0)
