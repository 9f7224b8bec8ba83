"""Which Tasks are green: install beside other task factories, opt-in and opt-out."""

from __future__ import annotations

import asyncio
import sys
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import (
    install,
    sleep,
    uninstall,
)
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python
from .green import SHORT
from .green_choice import current_loop, where

if TYPE_CHECKING:
    from collections.abc import Callable

    Factory = Callable[[], asyncio.AbstractEventLoop]


needs_eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager Tasks are new in 3.12")


def needs(module: str) -> pytest.MarkDecorator:
    """Skip where a package of the extra `compat` is not installed."""
    package = module.partition(".")[0]
    missing = find_spec(package) is None or find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed (extra: compat)")


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
    from tests.green_choice import where

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
