"""Carriers: the greenlets that green threads run in, one after another.

A greenlet costs several microseconds to start and to end: CPython maps a stack for its
frames and unmaps it again. So a green thread is not a greenlet: when it first runs, it
gets a carrier, and when it ends, the carrier takes the next green thread, if one is
ready to begin, without a switch. Threads that never wait, and most that do, cost a
fraction of a greenlet that way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from greenlet import greenlet

from ._delivery import WOKEN
from ._errors import GreenExit
from ._owners import Wait
from ._threadstate import NESTED
from ._timers import NEVER

if TYPE_CHECKING:
    from ._hub import Hub

#: What the carrier of a promoted green thread switches to its stepper at the thread's end.
FINISHED: Final = object()
# Idle carriers kept by a hub; each holds a stack of a few kB (a guess).
_IDLE_MAX: Final = 256


class _Nobody:
    """Stands for the thread of a carrier that has none at the moment.

    Code may run even then: a destructor of what the last thread has returned. It cannot wait.
    """

    __slots__ = ()
    stepper = pending = task = hub = True  # the answers that make callers ask `current_owner`


NOBODY: Final[Any] = _Nobody()


class Carrier(Wait, greenlet):
    """Runs green threads, one after another, for ever.

    A greenlet waits for one thing at a time. So a carrier is its own :class:`Wait`, where nobody
    can hold on to one that is over: for descriptors and sleep.
    """

    __slots__ = ("cause", "deadline", "hub", "state", "thread")

    thread: Any  # the GreenThread that runs in it now

    def __init__(self, hub: Hub) -> None:
        greenlet.__init__(self, None, hub.greenlet)
        self.hub = hub
        self.thread = NOBODY
        self.deadline = NEVER
        self.state = WOKEN

    @property
    def owner(self) -> Any:
        return self.thread

    @property
    def greenlet(self) -> Any:
        return self

    def run(self) -> None:
        hub = self.hub
        idle = hub.carriers
        while True:
            thread = self.thread
            self.gr_context = thread.context
            thread.greenlet = self
            fn, args, kwargs = thread.begin()
            value: Any = None
            error: BaseException | None = None
            try:
                # Here and not in a method: every frame below a wait costs memory while it lasts.
                # Up to 3.12 a call with a star takes a C frame more.
                if thread.pending is not None:  # killed before it began
                    raise thread.take()
                if kwargs:
                    value = fn(*args, **kwargs)
                elif not args:
                    value = fn()
                elif len(args) == 1:
                    (args,) = args  # the tuple goes: it would stay as long as the call
                    value = fn(args)
                else:
                    value = fn(*args)
            except GreenExit as exc:
                value = exc
            except BaseException as exc:
                # Without this frame, which holds the handle: it must not keep itself alive.
                error = exc.with_traceback(exc.__traceback__ and exc.__traceback__.tb_next)
            fn = args = kwargs = None
            stepper = thread.finish(value, error)
            value = error = None
            thread.greenlet = None
            self.thread = NOBODY
            thread = None
            if NESTED:
                NESTED.discard(self)
            if stepper is not None:
                # Its Task must get the CPU back, whose step this is.
                self.gr_context = None
                idle.append(self)
                stepper.switch(FINISHED)
                stepper = None
                continue
            target: Any = hub.round.popleft()  # a greenlet, or a GreenThread
            while not isinstance(target, greenlet) and not target.fresh():
                target = hub.round.popleft()
            if not isinstance(target, greenlet):  # it has not begun: no switch is needed
                hub.switches -= 1
                self.thread = target
                target = None
                continue
            if len(idle) >= _IDLE_MAX:
                # Ends: control passes to the parent, who is whoever is next.
                self.parent = target
                return
            self.gr_context = None  # an idle carrier keeps nothing alive
            idle.append(self)
            target.switch()  # comes back with the next thread in self.thread
            target = None


class Forked(Carrier):
    """What the carrier of a green thread that forks becomes in the child.

    There it is an ordinary greenlet, the program's own: nothing can park in it before a hub is
    started. ``thread`` stays what it was, for its identifier.
    """

    __slots__ = ()
