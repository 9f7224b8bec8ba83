"""``fixture``: an ordinary ``def`` fixture whose set-up and tear-down run in a green thread."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable

    import pytest

    Scope = Literal["session", "package", "module", "class", "function"]

F = TypeVar("F", bound="Callable[..., Any]")


@overload
def fixture(
    function: Callable[..., Any],
    /,
    *,
    scope: Scope | Callable[[str, pytest.Config], Scope] = ...,
    loop_scope: Scope | None = ...,
    params: Iterable[object] | None = ...,
    autouse: bool = ...,
    ids: Iterable[object] | Callable[[Any], object] | None = ...,
    name: str | None = ...,
) -> Any: ...


@overload
def fixture(
    *,
    scope: Scope | Callable[[str, pytest.Config], Scope] = ...,
    loop_scope: Scope | None = ...,
    params: Iterable[object] | None = ...,
    autouse: bool = ...,
    ids: Iterable[object] | Callable[[Any], object] | None = ...,
    name: str | None = ...,
) -> Callable[[Callable[..., Any]], Any]: ...


def fixture(
    function: Callable[..., Any] | None = None, /, *, loop_scope: Any = None, **options: Any
) -> Any:
    """A fixture that is an ordinary ``def``, run in a green thread on pytest-asyncio's loop.

    It may block, ``await_`` and ``spawn``. With a ``yield``, what follows it is the tear-down, in
    the same green thread and the same context. What it spawns lives until its loop ends.

    Args:
        function: the function, where the decorator stands without arguments.
        loop_scope: whose event loop it runs on; as in ``pytest_asyncio.fixture``.
        options: those of ``pytest.fixture``: scope, params, autouse, ids, name.

    Raises:
        TypeError: if it is an ``async def``, or cannot be called.
        RuntimeError: if pytest-asyncio is not installed.

    Context variables that it sets are seen by the test, and set back after it.
    """
    if function is None:
        return lambda fn: fixture(fn, loop_scope=loop_scope, **options)
    if not callable(function):
        raise TypeError(
            f"pytest_greenbridge.fixture is put above a def, not {function!r}. Its arguments are "
            "named: @pytest_greenbridge.fixture(scope='module')"
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"pytest_greenbridge.fixture is for an ordinary def, and {function.__qualname__} is an "
            "async def. Write @pytest_asyncio.fixture above it"
        )
    try:
        import pytest_asyncio
    except ImportError:
        raise RuntimeError(
            "pytest_greenbridge.fixture runs fixtures on the event loop of pytest-asyncio, which "
            "is not installed. Write: pip install pytest-asyncio"
        ) from None
    made = _generator(function) if inspect.isgeneratorfunction(function) else _plain(function)
    return pytest_asyncio.fixture(made, loop_scope=loop_scope, **options)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def set_up(*args: Any, **kwargs: Any) -> Any:
        from ._running import adopt, in_green_thread

        call = functools.partial(function, *args, **kwargs)
        outcome = await in_green_thread(call, f"fixture {function.__name__}")
        adopt(outcome.context)
        return outcome.value

    return set_up


def _generator(function: Callable[..., Generator[Any, None, None]]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def both(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        from ._halves import Halves

        halves = Halves(function(*args, **kwargs), function.__name__)
        yield await halves.set_up()
        await halves.tear_down()

    return both
