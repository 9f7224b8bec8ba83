"""The hub of the main program: started so that a test is green, ended so that it is no leak."""

from __future__ import annotations

from greenbridge._hub import HUBS, _local
from greenbridge._hubs import get_hub, idle
from greenbridge._originals import get_ident
from greenbridge._teardown import shutdown
from greenbridge._threadstate import get_running_loop


def be_green() -> None:
    """Have the main program wait greenly, whether or not anything was spawned.

    It begins with the first ``spawn`` otherwise, and ends with an ``asyncio.run`` that leaves
    nothing behind.
    """
    hub = _local.hub
    if (hub is None or hub.closed) and get_running_loop() is None:
        get_hub()


def end_idle_hubs() -> None:
    """End the loops that nothing runs on any more in this OS thread; they start again when needed.

    So the descriptors of a loop that the main program has started are not taken for a test's.
    """
    if get_running_loop() is not None:
        return
    for hub in HUBS[:]:
        if hub.owned and not hub.closed and hub.ident == get_ident() and idle(hub):
            shutdown(hub)
