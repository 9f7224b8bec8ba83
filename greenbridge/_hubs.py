"""Which hub an OS thread has: the one it had, one for the loop that runs, or a new one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from ._errors import HubConflictError, LoopMismatchError
from ._hub import HUBS, Hub, _local, on_attach, on_self_start
from ._loops import new_raw_loop
from ._originals import get_ident
from ._threadstate import NESTED, get_running_loop

if TYPE_CHECKING:
    from greenlet import greenlet


def current_hub() -> Hub | None:
    """The hub of this OS thread, if it has one."""
    return _local.hub


def get_hub() -> Hub:
    """The hub of this OS thread: attached to the running loop, or self-started if there is none."""
    hub = _local.hub
    running = get_running_loop()
    if hub is not None and not hub.closed:
        if hub.loop is running:
            return hub
        if hub.owned:
            if running is None:
                return hub
            if is_nested() or not idle(hub):
                check_nested(hub, running)
                return hub
            # Nothing to hold up: the application's loop takes its place for as long as it runs.
            return attach(running, getcurrent())
        if getcurrent() is not hub.greenlet and hub.loop.is_running():
            return hub  # inside a green thread, which may run a loop of its own
    if running is not None:
        return attach(running, getcurrent())
    for hub in HUBS:
        if hub.owned and not hub.closed and hub.ident == get_ident():
            _local.hub = hub  # the application's loop that had taken its place has ended
            return hub
    return start_hub(new_raw_loop())


def idle(hub: Hub) -> bool:
    """Whether a hub that runs its own loop has nothing to run: no green thread and no Task."""
    assert hub.root is not None
    if hub.pinned or hub.threads or hub.ready or hub.root.stepper is not None:
        return False
    return not asyncio.all_tasks(hub.loop)


def is_nested() -> bool:
    """Whether the loop that runs here waits on the hub when it has nothing to do."""
    own: greenlet | None = getcurrent()
    while own is not None:
        if own in NESTED:
            return True
        own = own.parent
    return False


def check_nested(hub: Hub, running: asyncio.AbstractEventLoop) -> None:
    """Refuse a loop that holds up the hub of its thread: nothing on the hub would ever run."""
    if is_nested():
        return
    raise HubConflictError(
        f"green threads of this OS thread run on {hub.loop!r}, which the first spawn() started "
        f"and which cannot run while {running!r} does. Start the program with "
        "greenbridge.run(main), spawn only inside main(), or let asyncio.run() use the hub's loop: "
        "greenbridge.patch_all()"
    )


def start_hub(loop: asyncio.AbstractEventLoop) -> Hub:
    """A hub that runs *loop* itself, for the program that runs now (its root)."""
    hub = Hub(loop, None)
    _local.hub = hub
    for arrange in on_self_start:
        arrange(hub)
    return hub


def attach(loop: asyncio.AbstractEventLoop, own: greenlet) -> Hub:
    """The hub of a loop that the application owns and that runs in the greenlet *own*."""
    at: Any = own
    while at is not None:
        stepper = getattr(at, "stepper", None)
        if stepper is not None:  # called in the step of a green task: the loop runs in its stepper
            at = own = stepper
        else:
            at = at.parent  # or in a greenlet that was made there
    for hub in HUBS[:]:
        if hub.loop is not loop or hub.closed:
            continue
        if hub.ident == get_ident():
            hub.greenlet = own
            _local.hub = hub
            return hub
        if hub.threads:
            raise LoopMismatchError(
                f"{loop!r} has green threads of another OS thread: {list(hub.threads)[:3]!r}. They "
                "cannot follow it here; run a loop with green threads in one OS thread only"
            )
        hub.closed = True
        HUBS.remove(hub)
    HUBS[:] = [h for h in HUBS if not h.loop.is_closed()]
    _local.hub = hub = Hub(loop, own)
    for arrange in on_attach:
        arrange(hub)
    return hub
