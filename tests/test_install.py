"""Which Tasks are green: install beside other task factories, opt-in and opt-out."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings
import weakref
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import (
    LoopMismatchError,
    NoPortalError,
    ensure_green,
    install,
    is_green,
    new_event_loop,
    plain,
    plain_tasks,
    run_sync,
    sleep,
    spawn,
    uninstall,
)
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python
from .green import SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Factory = Callable[[], asyncio.AbstractEventLoop]

needs_eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager Tasks are new in 3.12")


def needs(module: str) -> pytest.MarkDecorator:
    """Skip where a package of the extra `compat` is not installed."""
    package = module.partition(".")[0]
    missing = find_spec(package) is None or find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed (extra: compat)")


async def where() -> bool:
    """Whether it is green, now and after an await."""
    first = is_green()
    await asyncio.sleep(0)
    assert is_green() is first
    if first:
        with assert_switches():
            sleep(0)
    return first


def current_loop() -> Any:
    return asyncio.get_running_loop()


class Recording:
    """A task factory of somebody else, on top of another one or none."""

    def __init__(self, below: Any = None) -> None:
        self.below = below
        self.seen: list[dict[str, Any]] = []

    def __call__(self, loop: Any, coro: Any, **kwargs: Any) -> Any:
        self.seen.append(kwargs)

        async def wrapper() -> Any:
            return await coro

        if self.below is None:
            return asyncio.Task(wrapper(), loop=loop, **kwargs)
        return self.below(loop, wrapper(), **kwargs)


# -- beside other factories --------------------------------------------------------------------


async def test_whoever_was_there_before_is_called_and_whoever_comes_later_calls_us() -> None:
    loop = current_loop()
    before = Recording()
    loop.set_task_factory(before)
    install()
    ours = loop.get_task_factory()
    assert await loop.create_task(where())
    assert len(before.seen) == 1
    later = Recording(ours)
    loop.set_task_factory(later)
    assert await loop.create_task(where())
    assert len(before.seen) == 2
    assert len(later.seen) == 1


async def test_a_second_install_on_top_of_another_factory_costs_no_second_greenlet() -> None:
    loop = current_loop()
    install()
    loop.set_task_factory(Recording(loop.get_task_factory()))
    install()
    assert await loop.create_task(where())
    await asyncio.gather(*[loop.create_task(where()) for _ in range(10)])
    task = loop.create_task(asyncio.sleep(30))
    await asyncio.sleep(0)
    task.cancel("message")
    with pytest.raises(asyncio.CancelledError, match=r"message|^$"):  # 3.10 drops it
        await task


async def test_every_argument_is_passed_on() -> None:
    loop = current_loop()
    seen: list[dict[str, Any]] = []

    def factory(loop: Any, coro: Any, **kwargs: Any) -> Any:
        seen.append(dict(kwargs))
        kwargs.pop("of_the_future", None)
        return asyncio.Task(coro, loop=loop, **kwargs)

    loop.set_task_factory(factory)
    install()
    ours = loop.get_task_factory()
    assert await ours(loop, where(), of_the_future=1)
    assert seen.pop() == {"of_the_future": 1}
    assert loop.create_task(where(), name="named").get_name() == "named"
    if sys.version_info >= (3, 11):
        import contextvars

        seen.clear()
        context = contextvars.copy_context()
        assert await loop.create_task(where(), context=context)
        assert seen[0]["context"] is context
    if sys.version_info >= (3, 14):
        log: list[str] = []

        async def starts() -> None:
            log.append("started")

        await loop.create_task(starts(), eager_start=True)
        task = ours(loop, starts(), eager_start=True)
        assert log == ["started"] * 2
        await task
        assert seen[-1] == {"eager_start": True}


async def test_uninstall_restores_what_was_there() -> None:
    loop = current_loop()
    for before in None, Recording():
        loop.set_task_factory(before)
        install()
        install()
        uninstall()
        assert loop.get_task_factory() is before
        assert not await loop.create_task(where())
        uninstall()
        assert loop.get_task_factory() is before


async def test_uninstall_out_of_order() -> None:
    loop = current_loop()
    first = Recording()
    loop.set_task_factory(first)
    install()
    ours = loop.get_task_factory()
    second = Recording(ours)
    loop.set_task_factory(second)
    uninstall()
    assert loop.get_task_factory() is second  # not ours to take off
    assert not await loop.create_task(where())
    assert (len(first.seen), len(second.seen)) == (1, 1)
    install()
    assert await loop.create_task(where())
    uninstall()
    assert loop.get_task_factory() is second
    loop.set_task_factory(ours)  # the other one is taken off
    assert not await loop.create_task(where())
    uninstall()
    assert loop.get_task_factory() is first
    install()
    assert await loop.create_task(where())


@needs_eager
async def test_factories_of_eager_tasks() -> None:
    loop = current_loop()
    log: list[str] = []

    class OwnTask(asyncio.Task):  # type: ignore[type-arg]
        pass

    async def child() -> bool:
        log.append("child")
        with assert_switches():
            sleep(SHORT)
        return await where()

    eager: Any = asyncio
    for factory in (eager.eager_task_factory, eager.create_eager_task_factory(OwnTask)):
        loop.set_task_factory(factory)
        install()
        task = loop.create_task(child())
        log.append("parent")
        assert isinstance(task, OwnTask) is (factory is not eager.eager_task_factory)
        assert await task
        if sys.version_info >= (3, 14):
            task = loop.create_task(child(), eager_start=False)
            log.append("parent")
            assert await task
            assert log[2:] == ["parent", "child"]
        assert log[:2] == ["child", "parent"]
        log.clear()
        uninstall()
    loop.set_task_factory(None)  # uvloop calls it with what 3.13.0 does not know


def with_sentry(sentry_first: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports eventlet, if that is there
        import sentry_sdk
        from sentry_sdk.integrations.asyncio import AsyncioIntegration

    events: list[Any] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        greenbridge.sleep(0)
        raise ZeroDivisionError

    async def main() -> None:
        loop = current_loop()
        if not sentry_first:
            install()
        sentry_sdk.init(
            dsn="http://key@127.0.0.1:9/1",
            transport=events.append,
            integrations=[AsyncioIntegration()],
            default_integrations=False,
        )
        before = loop.get_task_factory()
        assert before is not None
        if sentry_first:
            install()
            assert loop.get_task_factory() is not before
        task = loop.create_task(where())
        if sys.version_info >= (3, 14):  # before, create_task() sets the name afterwards
            assert "where" in task.get_name()  # Sentry's own doing
        assert await task
        try:
            await loop.create_task(fails())
        except ZeroDivisionError:
            pass
        uninstall()
        assert loop.get_task_factory() is before
        assert not await loop.create_task(where())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a transport function is deprecated there
        asyncio.run(main())
    assert len(events) == 1


@needs("sentry_sdk")
@in_fresh_python
def test_sentrys_factory_before_ours() -> None:
    from tests.test_install import with_sentry

    with_sentry(True)


@needs("sentry_sdk")
@in_fresh_python
def test_sentrys_factory_after_ours() -> None:
    from tests.test_install import with_sentry

    with_sentry(False)


@needs("opentelemetry.instrumentation.asyncio")
@in_fresh_python
def test_opentelemetrys_instrumentor() -> None:
    from opentelemetry import trace
    from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from greenbridge import install
    from tests.test_install import where

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("test")

    async def traced() -> bool:
        with tracer.start_as_current_span("inner"):
            greenbridge.sleep(0.001)
            await asyncio.sleep(0)
            greenbridge.await_(asyncio.sleep(0))
            return await where()

    def in_thread() -> None:
        greenbridge.await_(asyncio.sleep(0))
        with tracer.start_as_current_span("of a thread"):
            greenbridge.sleep(0)

    async def main() -> None:
        install()
        with tracer.start_as_current_span("outer"):
            assert await asyncio.create_task(traced())
            assert list(await asyncio.gather(traced(), traced())) == [True, True]
            await greenbridge.spawn(in_thread)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        AsyncioInstrumentor().instrument()
    asyncio.run(main())
    spans = exporter.get_finished_spans()
    (outer,) = [span for span in spans if span.name == "outer"]
    inner = [span for span in spans if span.name in ("inner", "of a thread")]
    assert len(inner) == 4
    for span in inner:
        assert span.context.trace_id == outer.context.trace_id


# -- opt-in ------------------------------------------------------------------------------------


@ensure_green
async def decorated(value: int) -> tuple[int, bool]:
    """Its text."""
    return value, await where()


async def test_ensure_green_makes_a_coroutine_green_in_a_plain_task() -> None:
    assert not is_green()
    assert await ensure_green(where())
    assert await decorated(1) == (1, True)
    assert not is_green()
    assert await asyncio.create_task(ensure_green(where()))
    assert inspect.iscoroutinefunction(decorated)
    assert decorated.__doc__ == "Its text."
    beside = asyncio.create_task(asyncio.sleep(SHORT))
    with assert_switches():
        await ensure_green(run_sync(sleep, 2 * SHORT))
    assert beside.done()


@pytest.mark.green_tasks
async def test_ensure_green_changes_nothing_in_green_code() -> None:
    assert await ensure_green(where())
    assert await decorated(1) == (1, True)
    await ensure_green()
    assert await spawn(lambda: greenbridge.await_(decorated(2))) == (2, True)


async def test_ensure_green_says_that_a_task_cannot_become_green() -> None:
    with pytest.raises(NoPortalError, match="@ensure_green"):
        await ensure_green()
    await run_sync(lambda: greenbridge.await_(ensure_green()))


def test_ensure_green_refuses_other_things() -> None:
    for thing in (int, 1, sleep):
        with pytest.raises(TypeError, match="coroutine"):
            ensure_green(thing)
    with pytest.raises(LoopMismatchError, match="no event loop"):
        ensure_green(where())  # type: ignore[unused-coroutine]


async def test_errors_results_and_cancellation_pass_through_ensure_green() -> None:
    async def fails() -> None:
        sleep(0)
        raise ZeroDivisionError

    async def waits() -> None:
        try:
            sleep(30)
        finally:
            await asyncio.sleep(0)
            log.append("cleaned up")

    log: list[str] = []
    with pytest.raises(ZeroDivisionError):
        await ensure_green(fails())
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ensure_green(waits()), SHORT)
    assert log == ["cleaned up"]


@pytest.fixture
def policy() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.14 gives up policies
        asyncio.set_event_loop_policy(greenbridge.EventLoopPolicy())
        yield
        asyncio.set_event_loop_policy(None)


@pytest.mark.usefixtures("policy")
def test_the_policy_makes_loops_with_green_tasks() -> None:
    assert asyncio.run(where())
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(where())
    loop.close()


def test_the_loop_factory() -> None:
    if sys.version_info >= (3, 12):
        assert asyncio.run(where(), loop_factory=new_event_loop)
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            assert runner.run(where())
    loop = new_event_loop()
    try:
        future = asyncio.run_coroutine_threadsafe(where(), loop)
        loop.run_until_complete(asyncio.wrap_future(future, loop=loop))
        assert future.result() is True
    finally:
        loop.close()


# -- opt-out -----------------------------------------------------------------------------------


@plain
async def stays_plain() -> bool:
    return await where()


def twice(fn: Any) -> Any:
    """A decorator whose functions all have the same code."""
    import functools

    @functools.wraps(fn)
    async def wrapper() -> Any:
        await fn()
        return await fn()

    return wrapper


@plain
@twice
async def wrapped_and_plain() -> bool:
    return await where()


@twice
async def wrapped() -> bool:
    return await where()


@pytest.mark.green_tasks
async def test_one_function_or_one_coroutine_stays_plain() -> None:
    assert is_green()
    assert not await asyncio.create_task(stays_plain())
    assert not await asyncio.create_task(wrapped_and_plain())
    assert await asyncio.create_task(wrapped())
    assert not await asyncio.create_task(plain(where()))
    assert await asyncio.create_task(where())
    assert await stays_plain()  # it is the Task that counts
    assert inspect.iscoroutinefunction(stays_plain)
    for thing in (sleep, 1, int):
        with pytest.raises(TypeError, match="plain"):
            plain(thing)


@pytest.mark.green_tasks
async def test_plain_coroutines_are_not_kept() -> None:
    coro = plain(where())
    ref = weakref.ref(coro)
    task = asyncio.create_task(coro)
    await task
    del coro, task
    await asyncio.sleep(0)
    gc.collect()
    assert ref() is None


@pytest.mark.green_tasks
async def test_tasks_of_other_code_stay_plain() -> None:
    async def makes_tasks() -> list[bool]:
        return list(await asyncio.gather(where(), where()))

    with plain_tasks():
        task = asyncio.create_task(makes_tasks())
    assert await task == [False, False]
    assert await makes_tasks() == [True, True]


async def test_modules_whose_coroutines_stay_plain() -> None:
    package = __name__.partition(".")[0]
    other: dict[str, Any] = {"__name__": f"{package}_other.module", "where": where}
    exec("async def elsewhere(): return await where()", other)
    loop = current_loop()
    install(plain=[package])
    assert not await loop.create_task(where())
    assert await loop.create_task(other["elsewhere"]())
    install(plain=[f"{package}_other"])
    assert not await loop.create_task(where())
    assert not await loop.create_task(other["elsewhere"]())
    uninstall()
    install()
    assert await loop.create_task(where())
    with pytest.raises(TypeError, match="list"):
        install(plain="aiohttp")


# -- where debug mode says that a Task was made --------------------------------------------------


async def test_debug_mode_names_the_line_that_made_the_task() -> None:
    loop = current_loop()
    loop.set_debug(True)
    task = loop.create_task(where())
    plainly = [(entry.filename, entry.name) for entry in task._source_traceback]
    await task
    install()
    task = loop.create_task(where())
    greenly = [(entry.filename, entry.name) for entry in task._source_traceback]
    assert greenly[-2:] == plainly[-2:]
    assert plainly[-1] == (__file__, "test_debug_mode_names_the_line_that_made_the_task")
    await task
