"""Event loops inside green threads: ``asyncio.run`` really runs there, beside the hub's loop."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import greenbridge
from greenbridge import await_, getcurrent, sleep, spawn
from greenbridge._threadstate import NESTED
from greenbridge.testing import aheartbeat

from .conftest import LOOPS
from .fresh import in_fresh_python

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 30.0
SHORT = 0.01
VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


def on_each_loop(body: Callable[[], Any]) -> None:
    """Run *body*, a coroutine function, as a program under the patches on each kind of loop."""
    greenbridge.patch_all()
    for factory in LOOPS.values():
        loop = factory()
        try:
            loop.run_until_complete(body())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
        assert not NESTED


async def numbers() -> Any:
    for i in range(3):
        await asyncio.sleep(SHORT)
        yield i


async def inner(i: int, port: int) -> Any:
    """Much of asyncio, and blocking calls in the middle of it."""
    me = asyncio.current_task()
    loop = asyncio.get_running_loop()
    seen = [x async for x in numbers()]
    await asyncio.gather(asyncio.sleep(SHORT), asyncio.sleep(SHORT))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"x")
    data = await reader.read(1)
    writer.close()
    time.sleep(SHORT)
    assert asyncio.current_task() is me
    assert asyncio.get_running_loop() is loop
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"y")
        data += sock.recv(1)
    native = await asyncio.to_thread(lambda: 7)
    assert asyncio.current_task() is me
    return i, seen, data, native


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read(1))
    await writer.drain()
    writer.close()


@in_fresh_python
def test_fifty_at_once_in_green_threads() -> None:
    async def main() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        hooks = sys.get_asyncgen_hooks()
        async with aheartbeat() as beat:
            threads = [spawn(lambda i=i: asyncio.run(inner(i, port))) for i in range(50)]
            results = [await thread for thread in threads]
        assert results == [(i, [0, 1, 2], b"xy", 7) for i in range(50)]
        assert sys.get_asyncgen_hooks() == hooks
        assert beat.beats > 5
        server.close()

    on_each_loop(main)


@in_fresh_python
def test_a_green_thread_that_has_a_task_of_the_hub_s_loop() -> None:
    def body() -> None:
        async def outer_task() -> Any:
            return asyncio.current_task()

        mine = await_(outer_task())

        async def nested() -> None:
            task = asyncio.current_task()
            assert task is not mine
            await asyncio.sleep(SHORT)
            sleep(SHORT)
            assert asyncio.current_task() is task
            # The nested loop stands still, and the Task of the hub's loop is the current one.
            assert await_(outer_task()) is mine
            assert asyncio.current_task() is task
            await asyncio.sleep(SHORT)

        asyncio.run(nested())
        assert await_(outer_task()) is mine
        sleep(SHORT)
        asyncio.run(nested())

    async def main() -> None:
        for thread in [spawn(body) for _ in range(5)]:
            await thread

    on_each_loop(main)


@in_fresh_python
def test_nested_loops_whose_tasks_are_green() -> None:
    async def parks(i: int) -> int:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            task = asyncio.ensure_future(connects(server.getsockname()))
            connection, _ = server.accept()  # parks this Task of the nested loop, and no other
            with connection:
                assert connection.recv(1) == b"x"
        await task
        return i

    async def connects(address: Any) -> None:
        with socket.create_connection(address) as client:
            client.sendall(b"x")

    async def who() -> Any:
        await asyncio.sleep(SHORT)
        return asyncio.get_running_loop(), asyncio.current_task()

    async def awaits() -> None:
        assert await_(who()) == (asyncio.get_running_loop(), asyncio.current_task())
        assert await_(asyncio.ensure_future(who()))[0] is asyncio.get_running_loop()

    async def nested() -> list[int]:
        greenbridge.install()
        await asyncio.create_task(awaits())
        return list(await asyncio.gather(*[asyncio.create_task(parks(i)) for i in range(5)]))

    async def main() -> None:
        for thread in [spawn(lambda: asyncio.run(nested())) for _ in range(5)]:
            assert await thread == list(range(5))

    on_each_loop(main)


@in_fresh_python
def test_a_kill_and_a_timeout_end_a_nested_loop() -> None:
    log: list[str] = []

    async def nested() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            log.append("finally")

    def limited() -> None:
        with greenbridge.Timeout(SHORT, False):
            asyncio.run(nested())
        log.append("timeout")

    async def main() -> None:
        log.clear()
        thread = spawn(lambda: asyncio.run(nested()))
        await asyncio.sleep(3 * SHORT)
        thread.kill(block=False)
        await thread
        assert log == ["finally"]
        await spawn(limited)
        assert log == ["finally", "finally", "timeout"]

    on_each_loop(main)


@in_fresh_python
def test_context_and_threads_of_a_nested_loop() -> None:
    async def nested() -> str:
        seen = VAR.get()
        VAR.set("nested")
        return seen

    def body() -> None:
        VAR.set("thread")
        assert asyncio.run(nested()) == "thread"
        assert VAR.get() == "thread"  # as under asyncio.run anywhere: a Task has a copy

    async def spawns() -> Any:
        me = getcurrent()
        child = spawn(getcurrent)
        assert await child is child
        return me

    async def main() -> None:
        await spawn(body)
        thread = spawn(lambda: asyncio.run(spawns()))
        assert await thread is thread

    on_each_loop(main)


@in_fresh_python
def test_loops_may_nest_in_nested_loops() -> None:
    async def nested(depth: int) -> int:
        await asyncio.sleep(SHORT / 10)
        if not depth:
            return 0
        return 1 + int(await spawn(lambda: asyncio.run(nested(depth - 1))))

    async def main() -> None:
        assert await spawn(lambda: asyncio.run(nested(5))) == 5

    on_each_loop(main)


@in_fresh_python
def test_async_generators_of_each_loop_are_finalised_by_it() -> None:
    log: list[str] = []

    async def generator(name: str) -> Any:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            log.append(name)

    async def nested(name: str) -> None:
        kept.append(generator(name))
        await kept[-1].__anext__()
        await asyncio.sleep(SHORT)

    kept: list[Any] = []

    def program() -> None:
        def body() -> None:
            asyncio.run(nested("nested"))
            log.append("ended")

        thread = spawn(body)
        await_(nested("hub"))
        thread.join()

    greenbridge.patch_all()
    for factory in LOOPS.values():
        log.clear()
        greenbridge.run(program, loop_factory=factory)
        assert log == ["nested", "ended", "hub"]


@in_fresh_python
def test_anyio_scopes_and_asyncio_runners_in_nested_loops() -> None:
    import anyio

    async def scoped() -> bool:
        with anyio.move_on_after(SHORT) as scope:
            await anyio.sleep(LONG)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        return scope.cancelled_caught

    async def main() -> None:
        assert await spawn(lambda: anyio.run(scoped))
        if sys.version_info >= (3, 11):

            def runner() -> list[bool]:
                with asyncio.Runner() as run:
                    return [run.run(scoped()), (time.sleep(SHORT), run.run(scoped()))[1]]  # type: ignore[func-returns-value]

            assert await spawn(runner) == [True, True]

    on_each_loop(main)


@in_fresh_python
def test_a_script_s_own_hub_carries_nested_loops_of_its_threads() -> None:
    greenbridge.patch_all()

    async def nested(i: int) -> int:
        await asyncio.sleep(SHORT)
        return i

    threads = [spawn(lambda i=i: asyncio.run(nested(i))) for i in range(10)]
    assert [thread.get() for thread in threads] == list(range(10))
