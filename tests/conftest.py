"""What every test shares: the two event loops, and fresh interpreters for patching.

An `async def` test runs twice, on uvloop and on stock asyncio. A plain test that
starts its own loop takes the `loop_factory` fixture and so runs twice as well.
Patching changes the whole process, so such tests run code in `fresh_python`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A shell starts background jobs with these ignored, and so would be the interpreters of the tests.
for _ignored in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    if signal.getsignal(_ignored) is signal.SIG_IGN:
        signal.signal(_ignored, signal.default_int_handler)

# Hundreds of tests start an interpreter: each would compile greenbridge anew, which takes longer
# than most of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if sys.platform != "win32":
    import uvloop

    LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "uvloop": uvloop.new_event_loop,
        "asyncio": asyncio.new_event_loop,
    }
else:
    LOOPS = {"asyncio": asyncio.new_event_loop}

ROOT = Path(__file__).resolve().parent.parent
#: Seconds that a fresh interpreter may take; a guess, far above what any of them needs.
FRESH_TIMEOUT = 60.0


def _with_green_tasks(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> Callable[[], asyncio.AbstractEventLoop]:
    def make() -> asyncio.AbstractEventLoop:
        import greenbridge

        loop = factory()
        greenbridge.install(loop)
        return loop

    return make


def _eager_task(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
    """Do as ``asyncio.eager_task_factory``, which on 3.13.0 does not take what uvloop passes."""
    kwargs["eager_start"] = True
    return asyncio.Task(coro, loop=loop, **kwargs)


def _in_mode(
    factory: Callable[[], asyncio.AbstractEventLoop], debug: bool, eager: bool
) -> Callable[[], asyncio.AbstractEventLoop]:
    def make() -> asyncio.AbstractEventLoop:
        loop = factory()
        loop.set_debug(debug)
        if eager:
            loop.set_task_factory(_eager_task)
        return loop

    return make


#: Each loop, with debug mode on and off and (3.12 and later) with eager Tasks and without.
MODES = {
    name + "-debug" * debug + "-eager" * eager: _in_mode(factory, debug, eager)
    for name, factory in LOOPS.items()
    for debug in (False, True)
    for eager in ((False, True) if sys.version_info >= (3, 12) else (False,))
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each async test on every loop, with green Tasks where it is marked so."""
    loops = LOOPS if item.get_closest_marker("all_modes") is None else MODES
    if item.get_closest_marker("green_tasks") is None:
        return loops
    return {name: _with_green_tasks(factory) for name, factory in loops.items()}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers a core, as most tests wait most of the time; none for tests named singly."""
    if config.args and all("::" in argument for argument in config.args):
        return 0
    return max(4, min(2 * (os.cpu_count() or 1), 16))


def pytest_collection_finish() -> None:
    """Let no garbage collection walk through what pytest has collected: tests make thousands."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=list(LOOPS))
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Make a new event loop; the test runs once for each kind."""
    return LOOPS[request.param]


class FreshPython(Protocol):
    """Run *code* in a new interpreter and give its result; see `fresh_python`."""

    def __call__(
        self,
        code: str,
        *args: str,
        options: tuple[str, ...] = ...,
        env: Mapping[str, str] | None = ...,
        input: str | None = ...,
        check: bool = ...,
        timeout: float = ...,
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def fresh_python(tmp_path: Path) -> FreshPython:
    """Run code in a new interpreter with warnings as errors, in a folder of its own.

    With *check* (the default) an exit code other than 0 fails the test and shows
    both outputs. *timeout* is in seconds.
    """

    def run(
        code: str,
        *args: str,
        options: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check: bool = True,
        timeout: float = FRESH_TIMEOUT,
    ) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-X", "faulthandler", *options, "-c", code, *args],
            capture_output=True,
            text=True,
            input=input,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(
                f"exit code {done.returncode} of:\n{code}\n"
                f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}",
                pytrace=False,
            )
        return done

    return run


@pytest.fixture(autouse=True)
def _never_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins as in a program that has not forked: later its listeners may differ."""
    monkeypatch.setattr("greenbridge.green._sockio._forked", False)
