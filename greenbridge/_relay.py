"""A coroutine and a green thread that work on one call together.

A :class:`Relay` calls a function in a green thread, on behalf of the coroutine that made it. The
function behaves as in any green thread: no loop is visible, and it may run one of its own. What it
has to await it hands back with :meth:`Relay.wait`: the coroutine awaits it, in its own Task, in
which cancel scopes, context and identity are what the awaitable expects. (``await_`` would give the
thread a Task of its own.)

The thread does not begin in the next round of the hub, as one that is spawned does: the coroutine
switches into it, and if it ends without having waited, nothing was scheduled at all. That may be
done where the loop is in one of its ``call_soon`` callbacks, as it is in a step of a Task; see the
head of ``_hub`` for why not elsewhere. Where that is not certain, the thread is spawned.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import tasks
from typing import TYPE_CHECKING, Any, Final, final

from greenlet import getcurrent

from ._await import close_refused
from ._carriers import Carrier
from ._delivery import WOKEN
from ._hub import _local
from ._hubs import get_hub
from ._owners import Waiter
from ._portal import _set_result, current_owner, make_waiter
from ._threads import GreenThread, start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: From 3.14 on there is one current Task an OS thread, and not one a loop: a loop that is run in
#: the green thread would find ours.
_ONE_TASK: Final = sys.version_info >= (3, 14)
#: What a thread may ask for before everything else on the loop gets its turn (a guess).
_TURNS: Final = 16


class _Request:
    """What the thread has asked for: the awaitable, who waits for it, and what it came to."""

    __slots__ = ("awaitable", "error", "value", "waiter")

    def __init__(self, awaitable: Any, waiter: Any) -> None:
        self.awaitable = awaitable
        self.waiter = waiter
        self.value: Any = None
        self.error: BaseException | None = None


@final
class Relay:
    """Calls ``fn(*args)`` in a green thread. Make it in a coroutine; nothing has begun then."""

    __slots__ = ("_future", "_request", "hub", "on_idle", "thread")

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        hub = _local.hub
        # If this is the greenlet of the hub, the loop that runs is its own. (Up to 3.11 asking
        # asyncio for the running loop is a system call.)
        if (
            hub is None
            or hub.closed
            or not (hub.greenlet is getcurrent() and hub.loop.is_running())
        ):
            hub = get_hub()
        self.hub: Any = hub
        self.thread = thread = GreenThread(hub, fn, args, None)
        thread.spawned = ()  # its error is raised in the coroutine, whose stack tells more
        self._request: _Request | None = None
        self._future: asyncio.Future[None] | None = None  # what the coroutine waits for
        #: Called once, when the thread first waits for something of its own.
        self.on_idle: Callable[[], object] | None = None

    # -- in the coroutine ----------------------------------------------------------------------

    def begin(self) -> bool:
        """Start the thread; whether it has ended already. Then look at ``thread``."""
        hub = self.hub
        thread = self.thread
        if not _may_switch(hub):
            start(hub, thread)
            return False
        carrier = hub.carriers.pop() if hub.carriers else Carrier(hub)
        carrier.thread = thread
        hub.switches -= 1  # it does not come back to the CPU: it begins
        _enter(hub, carrier)
        return thread.ready()

    async def finish(self) -> Any:
        """Do what the thread asks for until it has ended; its result.

        Raises:
            Exception: whatever the function raises.

        On cancellation CancelledError is raised in the thread, where it waits, and this waits
        for its end.
        """
        thread = self.thread
        thread._add_link(self, self._wake)
        turns = 0
        while not thread.ready():
            turns += 1
            if turns % _TURNS == 0:
                await asyncio.sleep(0)  # what it asks for may be had without waiting, for ever
            request, self._request = self._request, None
            try:
                if request is not None:
                    request.value = await request.awaitable
                else:
                    on_idle, self.on_idle = self.on_idle, None
                    if on_idle is not None:
                        on_idle()
                    self._future = future = self.hub.loop.create_future()
                    await future
            except GeneratorExit:
                thread.kill(block=False)
                raise
            except BaseException as error:  # carried over to the thread
                if request is not None:
                    request.error = error
                elif thread.pending is None:
                    thread.interrupt(error)
            finally:
                self._future = None
            if request is not None:
                self._settle(request.waiter)
        return thread._result()

    def result(self) -> Any:
        """What the function returned, or raised: when the thread has ended."""
        return self.thread._result()

    def _settle(self, waiter: Any) -> None:
        """Give the CPU to the thread, which waits for what it has asked for."""
        hub = self.hub
        if type(waiter) is not Waiter or not _may_switch(hub):
            waiter.finish(WOKEN)
        elif not waiter.state:  # else it was interrupted
            waiter.state = WOKEN
            _enter(hub, waiter.greenlet)

    def _wake(self) -> None:
        future = self._future
        if future is not None:
            _set_result(future)

    # -- in the green thread -------------------------------------------------------------------

    def wait(self, awaitable: Awaitable[Any]) -> Any:
        """Have the coroutine await *awaitable*, and give its result. Only in the thread itself.

        Raises:
            Exception: whatever it raises.

        When the thread is killed, *awaitable* is awaited to its end, if that has begun.
        """
        waiter = make_waiter(current_owner())
        self._request = request = _Request(awaitable, waiter)
        self._wake()
        try:
            waiter.park()
        finally:
            if self._request is request:  # the coroutine has not seen it
                self._request = None
                close_refused(awaitable)
        if request.error is not None:
            try:
                raise request.error
            finally:
                request.error = None
        return request.value


def _may_switch(hub: Any) -> bool:
    """Whether the code that runs now is in a step of a Task that the loop itself has called."""
    if hub.round or isinstance(getcurrent(), Carrier):
        return False  # a coroutine that a green thread steps
    factory: Any = hub.loop.get_task_factory()
    # A factory may start Tasks eagerly, in any callback of the loop.
    return factory is None or getattr(factory, "previous", factory) is None


def _enter(hub: Any, own: Any) -> None:
    """Run the greenlet *own* until it parks."""
    before = hub.greenlet
    loop = hub.loop
    task = tasks.current_task(loop) if _ONE_TASK else None
    if task is not None:
        tasks._leave_task(loop, task)
    try:
        hub.enter(own)
    finally:
        if task is not None:
            tasks._enter_task(loop, task)
        hub.greenlet = before
