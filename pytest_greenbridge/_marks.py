"""``@pytest.mark.green``: which tests have it, what it may say, and how they become what runs.

Theory of operation. pytest-asyncio runs coroutine functions, on the loop of their scope, with its
fixtures, loop factories and context variables. So a green test is given to pytest and to
pytest-asyncio as one: a coroutine function that runs the test in a green thread, with a mark
``asyncio``. What needs doing for it is all public. While pytest makes the items of one test, the
function stands in its module or class for it; afterwards everything is as before, so that other
code may call the test, or inherit it, as it was written.

The way not taken is to run the test with the Runner of pytest-asyncio's private fixtures.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Made = list[pytest.Item | pytest.Collector]

NAME: Final = "green"
#: For ``pytest --markers``.
HELP: Final = (
    f"{NAME}(timeout=None, loop_scope=None): run a test that is an ordinary def in a green thread "
    "on pytest-asyncio's event loop. timeout: seconds that it may take; loop_scope: as in the mark "
    "asyncio. (greenbridge)"
)
_RUNS: Final = "_greenbridge_runs"
_SCOPES: Final = ("function", "class", "module", "package", "session")


def is_marked(collector: pytest.Module | pytest.Class, name: str, obj: object) -> bool:
    """Whether *obj* is a test function with the mark, its own or that of its class or module."""
    return collector.istestfunction(obj, name) and (
        _own_mark(obj) is not None or collector.get_closest_marker(NAME) is not None
    )


def make_items(collector: pytest.Module | pytest.Class, name: str, obj: object) -> Made | None:
    """The items of a marked test; None leaves it to pytest, and what is wrong to :func:`check`."""
    fn: Any = getattr(obj, "__func__", obj)
    mark = _own_mark(obj) or collector.get_closest_marker(NAME)
    if (
        mark is None
        or hasattr(fn, _RUNS)
        or _is_async(fn)
        or inspect.isgeneratorfunction(fn)
        or _wrong(mark, fn) is not None
        or not has_pytest_asyncio(collector.config)
    ):
        return None
    test: Any = _coroutine_function(fn)
    scope = mark.kwargs.get("loop_scope")
    if scope is not None:
        test = pytest.mark.asyncio(loop_scope=scope)(test)
    elif not _own_marks(fn, "asyncio") and collector.get_closest_marker("asyncio") is None:
        test = pytest.mark.asyncio(test)
    if fn is not obj:
        test = cast("Any", type(obj))(test)  # staticmethod or classmethod
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collector.obj, name, test)
        made = collector.ihook.pytest_pycollect_makeitem(collector=collector, name=name, obj=test)
        items: Made = made if isinstance(made, list) else [made] if made else []
        for item in items:
            assert isinstance(item, pytest.Function)
            assert item.obj is not None  # looked up now, and kept
    return items


def _coroutine_function(fn: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(fn)
    async def test(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        from ._running import run_test

        await run_test(fn, args, kwargs)

    setattr(test, _RUNS, fn)
    return test


def runs_greenly(item: pytest.Function) -> bool:
    """Whether it was made by :func:`make_items`."""
    return hasattr(getattr(item.obj, "__func__", item.obj), _RUNS)


def check(item: pytest.Function) -> None:
    """Fail a test that has the mark and is not run greenly: with what is wrong, and what to write.

    Raises:
        pytest.fail.Exception: if so.
    """
    mark = item.get_closest_marker(NAME)
    if mark is None:
        return
    fn = getattr(item.obj, "__func__", item.obj)
    wrong = _wrong(mark, fn)
    if wrong is None and not runs_greenly(item):
        wrong = _why_not(item, fn, own=mark in item.own_markers)
    if wrong is not None:
        pytest.fail(f"{item.nodeid}: {wrong}", pytrace=False)


def _wrong(mark: pytest.Mark, fn: object) -> str | None:
    """What is wrong with the arguments of *mark*, if anything."""
    unknown = [repr(arg) for arg in mark.args]
    unknown += [f"{k}={v!r}" for k, v in mark.kwargs.items() if k not in ("timeout", "loop_scope")]
    if unknown:
        return (
            f"@pytest.mark.green got {', '.join(unknown)}, and takes timeout= (seconds) and "
            "loop_scope= only. Write @pytest.mark.green(timeout=5)"
        )
    timeout = mark.kwargs.get("timeout")
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0
    ):
        return (
            f"@pytest.mark.green(timeout={timeout!r}) needs a number of seconds above 0. Write "
            "@pytest.mark.green(timeout=5), or leave it out for no limit"
        )
    scope = mark.kwargs.get("loop_scope")
    if scope is not None and scope not in _SCOPES:
        return (
            f"@pytest.mark.green(loop_scope={scope!r}) needs one of {', '.join(_SCOPES)}. Write "
            '@pytest.mark.green(loop_scope="module")'
        )
    if scope is not None and _own_marks(getattr(fn, _RUNS, fn), "asyncio"):
        return (
            f"@pytest.mark.green(loop_scope={scope!r}) stands beside a mark asyncio, which has a "
            "loop_scope, too. Give it to one of them, and take the other mark away if it has none"
        )
    return None


def _why_not(item: pytest.Function, fn: object, own: bool) -> str | None:
    unittest = sys.modules.get("unittest")  # not imported for it: no test case without it
    if unittest is not None and item.cls and issubclass(item.cls, unittest.TestCase):
        return (
            "a unittest.TestCase runs its methods itself, so @pytest.mark.green has no effect on "
            "them. Write the test as a function or in a plain class; or use "
            "IsolatedAsyncioTestCase, and in its async def "
            "'await greenbridge.run_sync(function)'"
        )
    if _is_async(fn):
        if not own:
            return None  # the mark of a class or module is for its ordinary functions
        return (
            "@pytest.mark.green is for an ordinary def, and this is an async def, which runs on "
            "the loop as it is. Write @pytest.mark.asyncio instead; a blocking call in it is "
            "'await greenbridge.run_sync(function)'"
        )
    if not has_pytest_asyncio(item.config):
        return (
            "@pytest.mark.green runs the test on the event loop of pytest-asyncio, which is not "
            "installed, or is kept out. Write: pip install pytest-asyncio"
        )
    return (
        "@pytest.mark.green was given to this test after it had been collected (by add_marker() or "
        "by pytest.param(marks=...)). Put it above the function or class, or write "
        "'pytestmark = pytest.mark.green' in the module"
    )


def has_pytest_asyncio(config: pytest.Config) -> bool:
    """Whether pytest-asyncio takes part in this run, by whatever name it was loaded."""
    return hasattr(config.option, "asyncio_mode") or hasattr(
        config.known_args_namespace, "asyncio_mode"
    )


def _own_marks(obj: object, name: str) -> list[pytest.Mark]:
    marks = getattr(getattr(obj, "__func__", obj), "pytestmark", None)
    if not isinstance(marks, list):  # a mock has any attribute
        return []
    return [mark for mark in marks if getattr(mark, "name", None) == name]


def _own_mark(obj: object) -> pytest.Mark | None:
    return next(iter(_own_marks(obj, NAME)), None)


def _is_async(fn: object) -> bool:
    inner = getattr(getattr(fn, "hypothesis", None), "inner_test", fn)
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)
