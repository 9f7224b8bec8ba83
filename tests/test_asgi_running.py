"""``WSGIApp``: how requests run, and what happens when their clients go away."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge._relay import Relay
from greenbridge.asgi import ClientDisconnected, WSGIApp
from greenbridge.asgi._exchange import Exchange as OurExchange
from greenbridge.testing import assert_switches, statistics

from . import wsgi_app
from .asgi_client import Exchange
from .wsgi_in_memory import app
from .wsgi_in_memory import patched as patched  # a fixture

if TYPE_CHECKING:
    from collections.abc import Iterable


# -- how it runs -----------------------------------------------------------------------------


async def test_handlers_are_green_threads_and_run_at_once() -> None:
    where = json.loads((await Exchange(app(), "/where").run()).body)
    assert where["green"]
    assert not where["visible"]
    with assert_switches(at_least=49):
        exchanges = [Exchange(app(), "/gate?count=50") for _ in range(50)]
        await asyncio.gather(*(exchange.run() for exchange in exchanges))
    assert {exchange.body for exchange in exchanges} == {b"50"}


async def test_a_handler_may_run_a_loop_of_its_own_and_await() -> None:
    loop = asyncio.get_running_loop()

    async def other() -> bool:
        await asyncio.sleep(0.001)
        return asyncio.get_running_loop() is not loop

    def mixed(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        assert asyncio.run(other())
        start("200 OK", [])
        greenbridge.await_(asyncio.sleep(0.001))
        assert asyncio.run(other())
        return iter([environ["wsgi.input"].read()])

    exchange = Exchange(WSGIApp(mixed), body=[b"a", b"b"])
    assert (await exchange.run()).body == b"ab"


async def test_a_handler_that_does_not_wait_costs_no_task_and_no_turn() -> None:
    before = statistics()
    exchange = await Exchange(app(), "/hello").run()
    after = statistics()
    assert exchange.complete
    assert after["switches"] == before["switches"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_context_variables_of_the_server_are_seen() -> None:
    variable = contextvars.ContextVar("variable", default=0)

    def show(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        seen = variable.get()
        variable.set(2)
        return [b"%d" % seen]

    variable.set(1)
    assert (await Exchange(WSGIApp(show)).run()).body == b"1"
    assert variable.get() == 1


async def test_a_limit_holds_back_the_others() -> None:
    limited = app(limit=2)
    exchanges = [Exchange(limited, "/wait?name=a") for _ in range(5)]
    tasks = [exchange.start() for exchange in exchanges]
    await asyncio.sleep(0.02)
    assert [exchange.received for exchange in exchanges] == [2, 2, 0, 0, 0]
    wsgi_app.STATE["open"].add("a")
    await asyncio.gather(*tasks)
    assert {exchange.body for exchange in exchanges} == {b"a"}


@pytest.mark.green_tasks
async def test_in_green_tasks() -> None:
    exchanges = [Exchange(app(), "/gate?count=5") for _ in range(5)]
    await asyncio.gather(*(exchange.run() for exchange in exchanges))
    assert {exchange.body for exchange in exchanges} == {b"5"}
    assert (await Exchange(app(), "/echo", [b"a", b"b"]).run()).body == b"ab"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager Tasks came with 3.12")
async def test_in_eager_tasks() -> None:
    loop = asyncio.get_running_loop()

    def eager(loop: Any, coro: Any, **options: Any) -> Any:
        return asyncio.Task(coro, loop=loop, **{**options, "eager_start": True})

    loop.set_task_factory(eager)
    try:
        exchanges = [Exchange(app(), "/gate?count=5") for _ in range(5)]
        await asyncio.gather(*(exchange.start() for exchange in exchanges))
        assert {exchange.body for exchange in exchanges} == {b"5"}
    finally:
        loop.set_task_factory(None)


def test_in_a_coroutine_that_a_green_thread_awaits(loop_factory: Any) -> None:
    def main() -> bytes:
        exchange = Exchange(app(), "/echo", [b"a", b"b"])
        greenbridge.await_(exchange.run())
        return exchange.body

    assert (
        greenbridge.run(lambda: greenbridge.spawn(main).get(), loop_factory=loop_factory) == b"ab"
    )


# -- clients that go away --------------------------------------------------------------------


async def test_a_client_that_goes_away_ends_the_handler() -> None:
    exchange = Exchange(app(), "/wait?name=gone")
    task = exchange.start()
    await exchange.until_asked()
    exchange.hang_up()
    await task
    assert wsgi_app.NOTES == ["gone ended by ClientDisconnected"]
    assert exchange.sent == []
    assert statistics()["threads"] == 0


async def test_a_client_that_goes_away_amid_the_answer() -> None:
    exchange = Exchange(app(), "/stream?name=gone")
    task = exchange.start()
    await exchange.until_sent(2)
    exchange.hang_up()
    await task
    assert wsgi_app.NOTES == ["gone ended by ClientDisconnected", "closed gone"]
    assert not exchange.complete


async def test_a_client_that_goes_away_amid_its_body() -> None:
    errors: list[BaseException] = []

    def read(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        try:
            environ["wsgi.input"].read()
        except BaseException as error:
            errors.append(error)
            raise
        raise AssertionError

    exchange = Exchange(WSGIApp(read), body=[b"x"], whole=False)
    exchange.hang_up()
    await exchange.run()
    assert [type(error) for error in errors] == [ClientDisconnected]


async def test_a_server_that_cannot_send_says_that_the_client_has_gone() -> None:
    exchange = Exchange(app(), "/endless?name=e")
    exchange.error_of_send = BrokenPipeError()
    await exchange.run()
    assert wsgi_app.NOTES[-1] == "closed e"


async def test_cleaning_up_may_wait_when_the_client_has_gone() -> None:
    ended: list[str] = []

    def handler(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        try:
            time.sleep(60)
        finally:
            time.sleep(0.005)
            ended.append("cleaned up")
        return []

    exchange = Exchange(WSGIApp(handler))
    task = exchange.start()
    await exchange.until_asked()
    exchange.hang_up()
    await task
    assert ended == ["cleaned up"]


async def test_a_handler_may_take_no_notice() -> None:
    def handler(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        try:
            time.sleep(60)
        except ClientDisconnected:
            start("200 OK", [])
            return [b"nobody reads it"]
        raise AssertionError

    exchange = Exchange(WSGIApp(handler))
    task = exchange.start()
    await exchange.until_asked()
    exchange.hang_up()
    await task
    assert exchange.sent == []


@pytest.mark.parametrize("path", ["/wait?name=c", "/stream?name=c", "/echo"])
async def test_a_server_that_cancels_ends_the_handler(path: str) -> None:
    exchange = Exchange(app(), path, [b"x"], whole=path != "/echo")
    task = exchange.start()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if path != "/echo":
        assert wsgi_app.NOTES[0] == "c ended by CancelledError"
    assert statistics()["threads"] == 0


@pytest.mark.parametrize("path", ["/hello", "/echo", "/write", "/stream?name=g", "/sleep?s=0.001"])
async def test_nothing_is_left_for_the_garbage_collector(path: str) -> None:
    wsgi_app.STATE["open"].add("g")
    ours = {OurExchange, Relay, greenbridge.GreenThread}
    await Exchange(app(), path, [b"x"]).run()
    gc.collect()
    gc.disable()
    try:
        await Exchange(app(), path, [b"x"]).run()
        for _ in range(3):
            await asyncio.sleep(0)  # the watch over the client ends as well
        assert not [thing for thing in gc.get_objects() if type(thing) in ours]
    finally:
        gc.enable()
