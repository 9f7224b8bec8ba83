"""GreenMiddleware and green endpoints: FastAPI and Starlette, called in memory, on each loop."""

from __future__ import annotations

import asyncio
import contextvars
import time
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

import greenbridge
from greenbridge.asgi import GreenMiddleware, green_endpoints
from greenbridge.testing import statistics

from .asgi_client import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import FreshPython

fastapi: Any = pytest.importorskip("fastapi", reason="fastapi is not installed (extra: compat)")
starlette: Any = pytest.importorskip("starlette", reason="starlette comes with fastapi")
responses: Any = pytest.importorskip("starlette.responses", reason="starlette comes with fastapi")
concurrency: Any = pytest.importorskip("starlette.concurrency", reason="comes with starlette")

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Gate:
    """Lets callers through when *count* of them are inside at once."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.inside = 0
        self.most = 0

    def wait(self) -> int:
        self.inside += 1
        self.most = max(self.most, self.inside)
        while self.most < self.count:
            time.sleep(0.002)
        self.inside -= 1
        return self.most


@pytest.fixture(autouse=True)
def _patched() -> Iterator[None]:
    with greenbridge.patch_all():
        yield


@pytest.fixture
def _green() -> Iterator[None]:
    with green_endpoints():
        yield


async def together(app: Any, path: str, count: int) -> list[bytes]:
    """The bodies of *count* requests that are made at once."""
    exchanges = [Exchange(app, path) for _ in range(count)]
    await asyncio.gather(*(exchange.run() for exchange in exchanges))
    return [exchange.body for exchange in exchanges]


# -- async def -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["around", "add_middleware"])
async def test_blocking_calls_in_async_endpoints(where: str) -> None:
    gate = Gate(30)
    app = fastapi.FastAPI()
    seen: list[Any] = []

    @app.get("/")  # type: ignore[untyped-decorator]
    async def endpoint() -> int:
        before = asyncio.current_task()
        most = gate.wait()
        await asyncio.sleep(0)
        seen.append(before is asyncio.current_task())
        return most

    green: Any = app
    if where == "around":
        green = GreenMiddleware(app)
    else:
        app.add_middleware(GreenMiddleware)
    try:
        assert await together(green, "/", 30) == [b"30"] * 30
    finally:
        greenbridge.uninstall()
    assert all(seen)


async def test_tasks_that_handlers_make_are_green() -> None:
    gate = Gate(2)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def wait() -> int:
            return gate.wait()

        most = await asyncio.gather(wait(), wait())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % max(most)})

    try:
        assert await together(GreenMiddleware(app), "/", 3) == [b"2"] * 3
    finally:
        greenbridge.uninstall()


async def test_a_middleware_of_starlette_may_stand_in_front() -> None:
    gate = Gate(10)
    app = fastapi.FastAPI()

    @app.middleware("http")  # type: ignore[untyped-decorator]
    async def own(request: Any, call_next: Any) -> Any:
        time.sleep(0.001)
        return await call_next(request)

    @app.get("/")  # type: ignore[untyped-decorator]
    async def endpoint() -> int:
        return gate.wait()

    app.add_middleware(GreenMiddleware)
    try:
        assert await together(app, "/", 10) == [b"10"] * 10
    finally:
        greenbridge.uninstall()


async def test_cancelling_reaches_a_blocking_call_in_an_async_endpoint() -> None:
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            time.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    task = Exchange(GreenMiddleware(app)).start()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    greenbridge.uninstall()
    assert ended == ["cancelled"]


@pytest.mark.green_tasks
async def test_green_tasks_stay_as_they_are() -> None:
    gate = Gate(5)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        most = gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % most})

    exchanges = [Exchange(GreenMiddleware(app)) for _ in range(5)]
    await asyncio.gather(*(exchange.start() for exchange in exchanges))
    assert {exchange.body for exchange in exchanges} == {b"5"}


# -- def -------------------------------------------------------------------------------------


def application(endpoint: Callable[..., Any], **options: Any) -> Any:
    app = fastapi.FastAPI()
    app.get("/", **options)(endpoint)
    return app


@pytest.mark.usefixtures("_green")
async def test_more_def_endpoints_than_there_are_threads() -> None:
    gate = Gate(200)
    assert await together(application(gate.wait), "/", 200) == [b"200"] * 200
    assert statistics()["threads"] == 0


@pytest.mark.usefixtures("_green")
async def test_a_def_endpoint_of_starlette() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Route

    gate = Gate(100)

    def endpoint(request: Any) -> Any:
        return responses.PlainTextResponse(str(gate.wait()))

    app = Starlette(routes=[Route("/", endpoint)])
    assert await together(app, "/", 100) == [b"100"] * 100


async def test_it_is_undone() -> None:
    app = application(lambda: greenbridge.is_green())
    with green_endpoints():
        assert await together(app, "/", 1) == [b"true"]
    assert await together(app, "/", 1) == [b"false"]
    assert concurrency.anyio is anyio


@pytest.mark.usefixtures("_green")
async def test_dependencies_with_yield() -> None:
    events: list[str] = []
    gate = Gate(60)

    def connection(fail: bool = False) -> Iterator[str]:
        events.append("open")
        time.sleep(0.001)
        try:
            yield "connection"
            events.append("commit")
        except ZeroDivisionError:
            events.append("rollback")
            raise
        finally:
            time.sleep(0.001)
            events.append("close")

    def endpoint(
        fail: bool = False, value: str = fastapi.Depends(connection, scope="function")
    ) -> str:
        if fail:
            raise ZeroDivisionError
        gate.wait()
        return value

    app = application(endpoint)
    assert await together(app, "/", 60) == [b'"connection"'] * 60
    assert (events.count("open"), events.count("commit"), events.count("close")) == (60, 60, 60)
    events.clear()
    with pytest.raises(ZeroDivisionError):
        await Exchange(app, "/?fail=1").run()
    assert events == ["open", "rollback", "close"]


@pytest.mark.usefixtures("_green")
async def test_background_tasks_and_sync_iterators() -> None:
    done: list[int] = []

    def parts() -> Iterator[bytes]:
        for n in range(3):
            time.sleep(0.001)
            yield b"%d" % n

    def later(n: int) -> None:
        time.sleep(0.001)
        done.append(n)

    def endpoint(background_tasks: Any) -> Any:
        background_tasks.add_task(later, 1)
        background_tasks.add_task(later, 2)
        return responses.StreamingResponse(parts(), background=background_tasks)

    endpoint.__annotations__ = {"background_tasks": fastapi.BackgroundTasks}
    assert await together(application(endpoint), "/", 3) == [b"012"] * 3
    assert sorted(done) == [1, 1, 1, 2, 2, 2]


@pytest.mark.usefixtures("_green")
async def test_the_context_is_a_copy_and_no_loop_is_visible() -> None:
    async def before() -> None:
        variable.set("from the coroutine")

    def endpoint() -> str:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        assert greenbridge.is_green()
        seen = variable.get()
        variable.set("from the function")
        return seen

    app = application(endpoint, dependencies=[fastapi.Depends(before)])
    assert await together(app, "/", 1) == [b'"from the coroutine"']
    assert variable.get() == "unset"


@pytest.mark.usefixtures("_green")
async def test_a_function_may_call_back_into_the_loop() -> None:
    loop = asyncio.get_running_loop()

    async def double(n: int) -> int:
        await asyncio.sleep(0.001)
        return 2 * n

    def endpoint() -> list[Any]:
        visible = anyio.from_thread.run_sync(asyncio.get_running_loop) is loop
        return [anyio.from_thread.run(double, 2), visible, anyio.from_thread.run(double, 4)]

    assert await together(application(endpoint), "/", 2) == [b"[4,true,8]"] * 2

    def in_a_real_thread() -> Any:
        return anyio.from_thread.run(double, 3), anyio.from_thread.run_sync(abs, -1)

    assert await anyio.to_thread.run_sync(in_a_real_thread) == (6, 1)


@pytest.mark.usefixtures("_green")
async def test_a_time_limit_interrupts_the_function() -> None:
    ended: list[str] = []

    def slow() -> None:
        try:
            time.sleep(60)
        except asyncio.CancelledError:
            ended.append("interrupted")
            raise

    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.01):
            await concurrency.run_in_threadpool(slow)
    assert ended == ["interrupted"]
    with anyio.move_on_after(0.01) as scope:
        await concurrency.run_in_threadpool(slow)
    assert scope.cancelled_caught
    assert ended == ["interrupted"] * 2


@pytest.mark.usefixtures("_green")
async def test_errors_and_results_come_through() -> None:
    def fail() -> None:
        raise KeyError("in the function")

    with pytest.raises(KeyError, match="in the function"):
        await concurrency.run_in_threadpool(fail)
    assert await concurrency.run_in_threadpool(divmod, 7, 2) == (3, 1)
    assert await concurrency.run_in_threadpool(sorted, [1, 2], reverse=True) == [2, 1]
    assert [n async for n in concurrency.iterate_in_threadpool(range(3))] == [0, 1, 2]


@pytest.mark.usefixtures("_green")
async def test_a_limiter_that_is_given_holds() -> None:
    limiter = anyio.CapacityLimiter(2)
    seen: list[int] = []

    def wait() -> None:
        seen.append(int(limiter.borrowed_tokens))
        time.sleep(0.002)

    run_sync = concurrency.anyio.to_thread.run_sync
    await asyncio.gather(*(run_sync(wait, limiter=limiter) for _ in range(6)))
    assert max(seen) == 2
    assert concurrency.anyio.to_thread.current_default_thread_limiter().total_tokens == 40
    assert concurrency.anyio.sleep is anyio.sleep


def test_the_switch_may_come_before_the_import(fresh_python: FreshPython) -> None:
    fresh_python(
        """
import sys
from greenbridge.asgi import green_endpoints

applied = green_endpoints()
assert not {"starlette", "fastapi"} & set(sys.modules)
import anyio
from fastapi import concurrency as of_fastapi
from starlette import concurrency as of_starlette

assert of_fastapi.anyio is of_starlette.anyio is not anyio
applied.restore()
assert of_fastapi.anyio is of_starlette.anyio is anyio
"""
    )
