"""Which Tasks are green: ``install`` for a loop, ``ensure_green`` and ``plain`` for single ones."""

from __future__ import annotations

import asyncio
import functools
import inspect
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload
from weakref import WeakKeyDictionary, WeakSet, ref

from ._audit._strict import Strict, as_strict, set_strict
from ._errors import LoopMismatchError, NoPortalError
from ._portal import Stepper, current_owner
from ._tasks import GreenCoro, Pool
from ._threadstate import get_running_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
    from types import CodeType

T = TypeVar("T")
F = TypeVar("F")

# Weak both ways: a pool holds its loop.
_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[Pool]] = WeakKeyDictionary()

# What stays plain, and whether anything does: most programs never ask, and pay for one look.
_plain_codes: Final[dict[int, CodeType]] = {}  # by id: equal code may belong to other functions
_plain_coros: Final[WeakSet[Any]] = WeakSet()
_plain_here: Final[ContextVar[bool]] = ContextVar("greenbridge_plain", default=False)
_opted_out = False


def pool_of(loop: asyncio.AbstractEventLoop) -> Pool:
    """The worker greenlets of *loop*, which live as long as it does and end when it is closed."""
    known = _pools.get(loop)
    pool = None if known is None else known()
    if pool is None:
        pool = Pool(loop)
        _pools[loop] = ref(pool)
        unknowing: Any = loop
        unknowing.close = functools.partial(_close, loop.close, pool)
    return pool


def _close(close: Callable[[], None], pool: Pool) -> None:
    close()
    pool.end()


class GreenTaskFactory:
    """A task factory that makes every Task green, on top of the factory that was there.

    Another one may be put on top that calls this one. It cannot be taken out from below that, so
    :func:`uninstall` makes it pass everything on unchanged.
    """

    __slots__ = ("_pool", "previous")

    def __init__(self, pool: Pool, previous: Any) -> None:
        self._pool = pool
        self.previous = previous

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coro: Any, *, eager_start: Any = None, **kwargs: Any
    ) -> Any:
        if eager_start is not None:
            # uvloop passes None where nobody has asked for it. asyncio.eager_task_factory takes
            # that for a no, and on 3.13.0 does not know the argument.
            kwargs["eager_start"] = eager_start
        pool = self._pool
        if (
            pool.installed
            and not isinstance(coro, (GreenCoro, Stepper))
            and not (_opted_out and _is_plain(coro, pool))
        ):
            coro = GreenCoro(pool, coro)
        if self.previous is None:
            task = asyncio.Task(coro, loop=loop, **kwargs)
        else:
            task = self.previous(loop, coro, **kwargs)
        if loop.get_debug():
            _hide_origin(task, self.previous is None)
        return task


def _hide_origin(task: Any, own: bool) -> None:
    """Take this file out of where debug mode says that *task* was made."""
    stack = getattr(task, "_source_traceback", None)
    if not stack:
        return
    stack[:] = [entry for entry in stack if entry.filename != __file__]
    # asyncio takes itself off, but only where no factory is set.
    if own and stack and stack[-1].filename == asyncio.base_events.__file__:
        del stack[-1]


def _is_plain(coro: Any, pool: Pool) -> bool:
    """Whether the coroutine was opted out, in one of the ways."""
    if _plain_here.get():
        return True
    code = getattr(coro, "cr_code", None)
    if code is None:
        return False
    if id(code) in _plain_codes or coro in _plain_coros:
        return True
    if not pool.plain:
        return False
    frame = coro.cr_frame
    module = "" if frame is None else frame.f_globals.get("__name__", "")
    while module:
        if module in pool.plain:
            return True
        module = module.rpartition(".")[0]
    return False


def _loop_or_running(
    loop: asyncio.AbstractEventLoop | None, what: str
) -> asyncio.AbstractEventLoop:
    if loop is None:
        loop = get_running_loop()
        if loop is None:
            raise LoopMismatchError(
                f"{what}() was called where no event loop runs. Call it inside the coroutine that "
                f"your program starts with, or name the loop: {what}(loop)"
            )
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(f"{what}() needs an asyncio event loop, not {loop!r}")
    if loop.is_closed():
        raise LoopMismatchError(f"{what}() got {loop!r}, which is closed. Make a new one")
    return loop


def install(
    loop: asyncio.AbstractEventLoop | None = None,
    *,
    plain: Iterable[str] = (),
    strict: bool | float | Strict | None = None,
) -> None:
    """Make every Task that *loop* creates from now on a green one.

    In a green Task, and in all that it calls, blocking calls that are patched (and
    greenbridge's own) park that Task and nothing else. A task factory that is set already is
    called as before, with all that it was given; one that is set later and calls the one that it
    found works as well. The Task that runs now stays as it is; see :func:`ensure_green`.

    Args:
        loop: None means the running loop.
        plain: names of modules and packages whose coroutines stay plain Tasks, besides those that
            were named before. It is the module of the coroutine function that counts.
        strict: warn (:class:`LoopHeldWarning`) of what holds the loop for longer than so many
            seconds, once for each place; True is 0.1 seconds, False ends it, None leaves it as it
            is. :class:`Strict` says more.

    Raises:
        LoopMismatchError: if no loop is given and none runs, or it is closed.
        ValueError: if *strict* is less than 0.01 seconds.
    """
    global _opted_out
    loop = _loop_or_running(loop, "install")
    if isinstance(plain, str):
        raise TypeError(f"install() needs a list of module names: plain=[{plain!r}]")
    if strict is not None:
        set_strict(loop, as_strict(strict))
    pool = pool_of(loop)
    pool.plain = pool.plain | frozenset(plain)
    _opted_out = _opted_out or bool(pool.plain)
    pool.installed = True
    previous = loop.get_task_factory()
    if not isinstance(previous, GreenTaskFactory):
        loop.set_task_factory(GreenTaskFactory(pool, previous))


def uninstall(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Undo :func:`install`: Tasks made from now on are plain ones; green ones stay green.

    The factory that was there before is set again. If another one was put on top of ours
    meanwhile, that one stays, and what it calls of ours makes plain Tasks. Strict mode ends.

    Raises:
        LoopMismatchError: as for :func:`install`.
    """
    loop = _loop_or_running(loop, "uninstall")
    pool = pool_of(loop)
    pool.installed = False
    pool.plain = frozenset()
    set_strict(loop, None)
    factory: Any = loop.get_task_factory()
    if isinstance(factory, GreenTaskFactory):
        while isinstance(factory, GreenTaskFactory):
            factory = factory.previous
        loop.set_task_factory(factory)


# -- one Task ----------------------------------------------------------------------------------


@overload
def ensure_green() -> Awaitable[None]: ...


@overload
def ensure_green(target: Coroutine[Any, Any, T], /) -> Coroutine[Any, Any, T]: ...


@overload
def ensure_green(target: F, /) -> F: ...


def ensure_green(target: Any = None, /) -> Any:
    """Run one coroutine greenly, whatever Task it runs in.

    * ``@ensure_green`` above an ``async def``: all calls of it are green.
    * ``await ensure_green(coroutine)``, or ``create_task(ensure_green(coroutine))``: this one is.
    * ``await ensure_green()`` looks whether the code that awaits it is green already.

    The last one cannot make it so. A Task that exists is stepped by asyncio itself, with nothing
    below its frames that could be left; it stays plain. What it awaits can be green.

    Raises:
        NoPortalError: by ``await ensure_green()``, if the code that runs is not green.
        LoopMismatchError: if a coroutine is given where no event loop runs; it is closed.
        TypeError: if *target* is something else.
    """
    if target is None:
        return _check_green()
    if inspect.iscoroutinefunction(target):

        @functools.wraps(target)
        async def green(*args: Any, **kwargs: Any) -> Any:
            return await GreenCoro(pool_of(asyncio.get_running_loop()), target(*args, **kwargs))

        return green
    if not asyncio.iscoroutine(target):
        raise TypeError(
            f"ensure_green() needs a coroutine or an async def, not {target!r}. To call a "
            "blocking function, write 'await run_sync(function, ...)'"
        )
    loop = get_running_loop()
    if loop is None:
        target.close()
        raise LoopMismatchError(
            "ensure_green() got a coroutine where no event loop runs. Call it in the coroutine "
            "that awaits the result, or use it as a decorator"
        )
    return target if isinstance(target, GreenCoro) else GreenCoro(pool_of(loop), target)


async def _check_green() -> None:
    if current_owner() is None:
        raise NoPortalError(
            "this Task is not green, and cannot be made so while it runs. Put @ensure_green above "
            "the async def, write 'await ensure_green(coroutine)', or call 'install()' before the "
            "Task is made; a single blocking call is 'await run_sync(function, ...)'"
        )


def plain(target: F, /) -> F:
    """Keep one coroutine out of what :func:`install` does: its Task is a plain one.

    ``@plain`` above an ``async def``, or ``create_task(plain(coroutine))``. For a Task in which
    nothing blocks it saves the price of a green one. In a plain Task a blocking call blocks.
    What counts is the coroutine that a Task is made of: one that is awaited is as green as who
    awaits it.

    Raises:
        TypeError: if *target* is neither a coroutine function nor a coroutine of one.
    """
    global _opted_out
    marked: Any = target
    if inspect.iscoroutinefunction(target):
        if not inspect.isfunction(target) or hasattr(target, "__wrapped__"):
            marked = _function_of_its_own(target)  # other functions may share a decorator's code
        _plain_codes[id(marked.__code__)] = marked.__code__
    elif inspect.iscoroutine(target):
        _plain_coros.add(target)
    else:
        raise TypeError(
            f"plain() needs an async def or a coroutine of one, not {target!r}. For Tasks that "
            "other code makes, write 'with plain_tasks():'"
        )
    _opted_out = True
    return marked  # type: ignore[no-any-return]


def _function_of_its_own(fn: Any) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await fn(*args, **kwargs)

    call.__code__ = call.__code__.replace(co_name=getattr(fn, "__name__", "call"))
    return functools.update_wrapper(call, fn)


@contextmanager
def plain_tasks() -> Iterator[None]:
    """A block in which all Tasks that are made are plain ones, and those that they make.

    As context variables go: green threads that are spawned in the block belong to it as well.
    """
    global _opted_out
    _opted_out = True
    token = _plain_here.set(True)
    try:
        yield
    finally:
        _plain_here.reset(token)
