"""The main program's ``asyncio.run``: it runs on the hub's loop, beside the green threads.

Theory of operation. ``asyncio.run`` makes a loop, runs it and closes it. Where green threads are
at home already, a second loop in the same OS thread would have to wait on the hub's for each
event. So the main program gets the hub's own loop instead, which runs in a greenlet of the hub's
anyway: the main Task is made there, and the main program parks until it is done.

What belongs to the run (Tasks, async generators, the default executor) ends with it, as
``asyncio.run`` promises. What belongs to green threads goes on, as threads do: a Task knows its
run by a context variable, which every Task inherits from the one that made it, and which a green
thread clears before it makes one. If nothing is left that could go on, the hub ends too and the
loop is closed, so a program without green threads sees what it would see without greenbridge.

The way not taken: to move the green threads to the loop that ``asyncio.run`` makes. What they
await is bound to the old one.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import coroutines, events
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, final
from weakref import WeakSet

from greenlet import getcurrent

from ._green_tasks import GreenTaskFactory, install
from ._hub import _local
from ._hubs import get_hub, idle
from ._interrupts import guard
from ._loops import maker, maker_of_loops
from ._main import is_main
from ._originals import get_ident
from ._portal import RUN, Stepper, current_owner, make_waiter
from ._tasks import GreenCoro
from ._teardown import outlive, shutdown
from ._threads import GreenThread
from ._threadstate import get_running_loop

if TYPE_CHECKING:
    import contextvars
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from ._hub import Hub

T = TypeVar("T")

# Whose policies make the loops that are meant when nobody has asked for another.
_USUAL: Final = ("asyncio", "greenbridge", "uvloop")
_is_debug_mode: Final[Any] = getattr(coroutines, "_is_debug_mode")  # noqa: B009  # typeshed lacks it
_CLOSING: Final = "an error occurred during closing of asynchronous generator"


def root_hub() -> Hub | None:
    """The hub that runs its own loop, if this is the main program beside it."""
    hub = _local.hub
    if hub is None or hub.closed or hub.root is None or get_running_loop() is not None:
        return None
    return hub if current_owner() is hub.root else None


def is_program() -> bool:
    """Whether this is the main thread's own code, and not a greenlet's."""
    return getcurrent().parent is None and is_main(get_ident())


def must_nest() -> bool:
    """Whether a loop that is run here has to wait on the hub: green threads run beside it."""
    hub = _local.hub
    if hub is None or hub.closed:
        return False
    owner = current_owner(may_nest=True)
    if owner is not None and owner is hub.root:
        return not idle(hub)
    return isinstance(owner, GreenThread)


def wants_hub_loop(factory: Callable[[], asyncio.AbstractEventLoop] | None) -> bool:
    """Whether a runner with this loop factory gets the hub's loop, here and now."""
    if get_running_loop() is not None:
        return False
    owner = current_owner()
    if owner is None:
        if not is_program():
            return False
        kind = maker_of_loops()
    elif owner is owner.hub.root:
        kind = maker(type(owner.hub.loop))
    else:
        return False
    if factory is None:
        return _usual_policy()
    # Who asks for uvloop asks for what the hub has. Any other loop is made, and nested.
    return maker(factory) == kind == "uvloop"


def _usual_policy() -> bool:
    # Not get_event_loop_policy(): it makes a policy where there is none, and warns on 3.14.
    policy = getattr(events, "_event_loop_policy", None)
    return policy is None or maker(type(policy)) in _USUAL


def run_until_complete(hub: Hub, future: Awaitable[T]) -> T:
    """``loop.run_until_complete`` on the loop of *hub*, for the main program."""
    made = not asyncio.isfuture(future)
    task: Any = asyncio.ensure_future(future, loop=hub.loop)
    if made:
        task._log_destroy_pending = False
    root: Any = hub.root
    try:
        stopped = _wait(hub, task)
    except BaseException:
        if made and task.done() and not task.cancelled():
            task.exception()  # it is raised here already, and must not be reported as well
        raise
    if stopped:
        raise RuntimeError("Event loop stopped before Future completed.")
    if root.pending is not None and not task.cancelled():
        root.take_back(task.exception())  # a KeyboardInterrupt comes both ways
    return task.result()  # type: ignore[no-any-return]


def run_forever(hub: Hub) -> None:
    """``loop.run_forever`` on the loop of *hub*, for the main program: until ``loop.stop()``."""
    _wait(hub, None)


def _wait(hub: Hub, future: asyncio.Future[Any] | None) -> bool:
    """Park the main program until *future* is done; True if the loop was stopped before."""
    waiter: Any = None
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        waiter.wake()

    def wake(_: object) -> None:
        waiter.wake()

    before, hub.on_stop = hub.on_stop, stop
    try:
        while not stopped and not (future is not None and future.done()):
            waiter = make_waiter(hub.root)
            if future is not None:
                future.add_done_callback(wake)
            try:
                waiter.park()
            finally:
                if future is not None:
                    future.remove_done_callback(wake)
    finally:
        hub.on_stop = before
    return stopped


def _new_executor() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(thread_name_prefix="asyncio")


@final
class ProgramRun:
    """One use of the hub's loop by ``asyncio.run`` or a ``Runner`` of the main program."""

    __slots__ = ("__weakref__", "_before", "_executor", "_generators", "_outer", "hub")

    def __init__(self) -> None:
        self.hub = hub = get_hub()
        loop = hub.loop
        self._before = (loop.get_debug(), loop.get_task_factory(), loop.get_exception_handler())
        self._generators: WeakSet[AsyncGenerator[Any, Any]] = WeakSet()
        self._executor = _new_executor()
        self._outer = RUN.get()
        install(loop)
        if _is_debug_mode():  # what a loop that is made now would begin with
            loop.set_debug(True)
        loop.set_default_executor(self._executor)
        loop.call_soon(partial(_watch_generators, hub), context=hub.context)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.hub.loop

    def mark(self, context: contextvars.Context) -> None:
        """Tasks that begin in *context*, and those that they make, belong to this run."""
        context.run(RUN.set, self)

    def enter(self) -> None:
        """What the main program makes on the loop by hand, until the end, belongs to it as well."""
        RUN.set(self)

    @contextmanager
    def making_task(self) -> Iterator[None]:
        """A block in which the main program makes a Task, once: in the loop, if a factory asks.

        The loop runs, if not here. A factory whose Tasks begin eagerly has them begin at once,
        which is right in a callback of the loop only.
        """
        loop: Any = self.loop
        factory: Any = loop.get_task_factory()
        if factory is None or (isinstance(factory, GreenTaskFactory) and factory.previous is None):
            yield
            return

        def once(_loop: object, coro: Any, **kwargs: Any) -> Any:
            loop.set_task_factory(factory)
            return self._call_in_loop(partial(factory, loop, coro, **kwargs))

        loop.set_task_factory(once)
        try:
            yield
        finally:
            if loop.get_task_factory() is once:
                loop.set_task_factory(factory)

    def _call_in_loop(self, call: Callable[[], T]) -> T:
        done: asyncio.Future[T] = self.loop.create_future()

        def run() -> None:
            try:
                done.set_result(call())
            except BaseException as error:  # carried over to the main program
                done.set_exception(error)

        handle = self.loop.call_soon(run)
        try:
            _wait(self.hub, done)
            return done.result()
        finally:
            handle.cancel()  # does nothing, unless a Ctrl-C has come

    def note_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators.add(generator)

    def finish(self) -> None:
        """End what belongs to the run, and the hub if nothing else is on it."""
        hub = self.hub
        if RUN.get() is self:
            RUN.set(self._outer)
        if hub.closed:
            return
        loop = hub.loop
        try:
            self._complete(self._end_tasks())
            if not idle(hub):
                self._complete(self._end_executor())
        finally:
            debug, task_factory, handler = self._before
            loop.set_debug(debug)
            loop.set_task_factory(task_factory)
            loop.set_exception_handler(handler)
            guard(hub)  # asyncio's runner has put the default handler of Ctrl-C back
            if idle(hub):
                shutdown(hub)

    def _complete(self, coro: Any) -> None:
        task = asyncio.Task(coro, loop=self.hub.loop)
        try:
            run_until_complete(self.hub, task)
        finally:
            task.cancel()  # does nothing, unless a Ctrl-C has come

    async def _end_tasks(self) -> None:
        loop = self.hub.loop
        tasks = [task for task in asyncio.all_tasks(loop) if self._owns(task)]
        for task in tasks:
            task.cancel()
        await outlive(tasks, "asyncio.run()")
        generators = list(self._generators)
        self._generators.clear()
        ends = [generator.aclose() for generator in generators]
        for generator, error in zip(
            generators, await asyncio.gather(*ends, return_exceptions=True), strict=True
        ):
            if isinstance(error, Exception):
                loop.call_exception_handler(
                    {
                        "message": f"{_CLOSING} {generator!r}",
                        "exception": error,
                        "asyncgen": generator,
                    }
                )

    def _owns(self, task: asyncio.Task[Any]) -> bool:
        coro: Any = task.get_coro()
        if isinstance(coro, Stepper) or task is asyncio.current_task():
            return False
        if sys.version_info >= (3, 12):
            context = task.get_context()
        else:  # not known of a Task that has not begun; few green threads have such
            context = coro.context if isinstance(coro, GreenCoro) else None
        return context is None or context.get(RUN) is self

    async def _end_executor(self) -> None:
        """Wait for the default executor's threads, and leave another one to green threads."""
        loop = self.hub.loop
        loop.set_default_executor(_new_executor())
        if self._executor._threads:  # an attribute of all versions; else there is nobody to join
            helper = _new_executor()
            await loop.run_in_executor(helper, self._executor.shutdown)
            helper.shutdown(wait=False)


class _FirstIteration:
    """The hook that tells the loop of an async generator, and the run that it belongs to."""

    __slots__ = ("_tell_loop",)

    def __init__(self, tell_loop: Any) -> None:
        self._tell_loop = tell_loop

    def __call__(self, generator: AsyncGenerator[Any, Any]) -> None:
        run = RUN.get()
        if run is not None:
            run.note_generator(generator)
        self._tell_loop(generator)


def _watch_generators(hub: Hub) -> None:
    first, last = sys.get_asyncgen_hooks()
    if not isinstance(first, _FirstIteration):
        sys.set_asyncgen_hooks(_FirstIteration(first), last)
        hub.hooks = tuple(sys.get_asyncgen_hooks())
