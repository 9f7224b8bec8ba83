"""CPython's own tests of locks and queues, on ours: in native threads and in green threads."""

from __future__ import annotations

import importlib.util
import queue as stdlib_queue
import threading
import time
import types
import unittest
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import _sync

from .conftest import LOOPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Loader = Callable[[str], types.ModuleType]

#: What cannot hold for ours, each with its reason.
DIFFERENT = {
    # counts OS threads of the interpreter, and starts 15 of its own kind
    "test_thread_leak",
    # the stdlib's internals: an Event made of a Condition, held across a reset
    "EventTests.test_reset_internal_locks",
    "EventTests.test_at_fork_reinit",
}

#: Not in green threads: they ask again and again without a wait, and nobody else would run.
SPINNING = {
    "test_shutdown_all_methods_in_many_threads",
    "test_shutdown_immediate_all_methods_in_many_threads",
}

LOCK_SUITES = {
    "LockTests": ("locktype", _sync.Lock),
    "RLockTests": ("locktype", _sync.RLock),
    "EventTests": ("eventtype", _sync.Event),
    "ConditionTests": ("condtype", _sync.Condition),
    "SemaphoreTests": ("semtype", _sync.Semaphore),
    "BoundedSemaphoreTests": ("semtype", _sync.BoundedSemaphore),
    "BarrierTests": ("barriertype", _sync.Barrier),
}
QUEUE_SUITES = (
    "QueueTest",
    "LifoQueueTest",
    "PriorityQueueTest",
    "FailingQueueTest",
    "SimpleQueueTest",
)
QUEUES = types.SimpleNamespace(
    **{
        **vars(stdlib_queue),
        "Queue": _sync.Queue,
        "LifoQueue": _sync.LifoQueue,
        "PriorityQueue": _sync.PriorityQueue,
        "SimpleQueue": _sync.SimpleQueue,
    }
)


def own_copy(name: str) -> Any:
    """Import a module once more, so that its names can be replaced."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def retries(timeout: float, *_: object, **__: object) -> Iterator[None]:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        yield
        greenbridge.sleep(0.005)
    raise AssertionError(f"not within {timeout} seconds")


class GreenThreading(threading.Thread):
    """As much of a Thread as these tests use, on a green thread."""

    def start(self) -> None:
        self._green = greenbridge.spawn(self.run)

    def join(self, timeout: float | None = None) -> None:
        self._green.join(timeout)

    def is_alive(self) -> bool:
        return not self._green.ready()


def green_names(module: Any) -> None:
    """Let the tests of *module* start green threads and wait greenly."""

    def start(fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        greenbridge.spawn(fn, *args)

    module.start_new_thread = start
    module.time = types.SimpleNamespace(**{**vars(time), "sleep": greenbridge.sleep})
    ours: dict[str, Any] = {name: getattr(_sync, name) for name in _sync.__all__}
    ours["Thread"] = GreenThreading
    ident = {"get_ident": lambda: id(greenbridge.getcurrent())}
    module.threading = types.SimpleNamespace(**{**vars(threading), **ours, **ident})
    if hasattr(getattr(module, "support", None), "sleeping_retry"):
        replaced = {"sleeping_retry": retries}
        module.support = types.SimpleNamespace(**{**vars(module.support), **replaced})
    if hasattr(module, "_TriggerThread"):
        own = {k: v for k, v in vars(module._TriggerThread).items() if k != "__dict__"}
        module._TriggerThread = type("_TriggerThread", (GreenThreading,), own)
    if hasattr(module, "threading_helper"):
        helper = module.threading_helper

        class start_threads:
            def __init__(self, threads: Any, unlock: Any = None) -> None:
                self.threads = list(threads)

            def __enter__(self) -> None:
                for thread in self.threads:
                    thread.start()

            def __exit__(self, *_: object) -> None:
                for thread in self.threads:
                    thread.join()

        module.threading_helper = types.SimpleNamespace(
            **{**vars(helper), "start_threads": start_threads}
        )


def run_suite(case: type[unittest.TestCase], left_out: set[str]) -> unittest.TestResult:
    names = [
        name
        for name in unittest.defaultTestLoader.getTestCaseNames(case)
        if not {name, f"{case.__name__}.{name}"} & left_out
    ]
    result = unittest.TestResult()
    unittest.TestSuite(map(case, names)).run(result)
    return result


def check(case: type[unittest.TestCase], loop: str) -> None:
    if loop == "native":
        result = run_suite(case, DIFFERENT)
    else:
        left_out = DIFFERENT | SPINNING
        result = greenbridge.run(run_suite, case, left_out, loop_factory=LOOPS[loop])
    problems = "\n".join(text for _, text in [*result.failures, *result.errors])
    assert not problems, problems
    assert result.testsRun > len(result.skipped)


@pytest.fixture(params=["native", *LOOPS])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", LOCK_SUITES)
def test_locks_as_cpython_tests_them(name: str, where: str) -> None:
    module = own_copy("test.lock_tests")
    if where != "native":
        green_names(module)
    attribute, kind = LOCK_SUITES[name]
    case = type(name, (getattr(module, name),), {attribute: staticmethod(kind)})
    check(case, where)


@pytest.mark.parametrize("name", QUEUE_SUITES)
def test_queues_as_cpython_tests_them(name: str, where: str) -> None:
    module = own_copy("test.test_queue")
    if where != "native":
        green_names(module)
    if name == "SimpleQueueTest":
        base = module.BaseSimpleQueueTest
        attributes: dict[str, Any] = {"queue": QUEUES, "type2test": _sync.SimpleQueue}
    else:
        base = getattr(module, name)
        attributes = {"queue": QUEUES}
    check(type(name, (base, unittest.TestCase), attributes), where)
