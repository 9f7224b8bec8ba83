"""The workloads as plain coroutines on uvloop: what asyncio itself does, for reference."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ._blocking import _BULK_BYTES, _BULK_CHUNK, _MB, _MESSAGE, CERTIFICATE, resident_bytes
from ._bridges import step
from ._clock import now

__all__ = ("BODIES",)

Body = Callable[[int], Awaitable[float]]


async def _nothing() -> None:
    pass


async def sleep0(n: int) -> float:
    async def body() -> None:
        for _ in range(max(n // 10, 1)):
            await asyncio.sleep(0)

    start = now()
    await asyncio.gather(*[body() for _ in range(10)])
    return now() - start


async def spawn_join(n: int) -> float:
    start = now()
    await asyncio.gather(*[_nothing() for _ in range(n)])
    return now() - start


async def spawn_join_1k(n: int) -> float:
    start = now()
    for _ in range(max(n // 1000, 1)):
        await asyncio.gather(*[_nothing() for _ in range(min(n, 1000))])
    return now() - start


async def _plainly(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _in_time(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, 5)


async def _socketpair(n: int, wait: Callable[[Awaitable[Any]], Awaitable[Any]]) -> float:
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)

    async def answer() -> None:
        for _ in range(n):
            await wait(loop.sock_sendall(right, await wait(loop.sock_recv(right, 100))))

    async def ask() -> None:
        for _ in range(n):
            await wait(loop.sock_sendall(left, _MESSAGE))
            await wait(loop.sock_recv(left, 100))

    start = now()
    await asyncio.gather(answer(), ask())
    elapsed = now() - start
    left.close()
    right.close()
    return elapsed


async def socketpair(n: int) -> float:
    return await _socketpair(n, _plainly)


async def socketpair_timeout(n: int) -> float:
    return await _socketpair(n, _in_time)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _answer_in_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await asyncio.wait_for(reader.read(100), 5):
        writer.write(data)
        await asyncio.wait_for(writer.drain(), 5)
    writer.close()


async def _echo(n: int, count: int, *, timed: bool = False, **tls: Any) -> float:
    server = await asyncio.start_server(
        _answer_in_time if timed else _answer,
        "127.0.0.1",
        0,
        backlog=1024,
        ssl=tls.get("server_side"),
    )
    host, port = server.sockets[0].getsockname()[:2]
    name = "localhost" if tls else None
    clients = [
        await asyncio.open_connection(host, port, ssl=tls.get("client_side"), server_hostname=name)
        for _ in range(count)
    ]
    wait = _in_time if timed else _plainly
    each = max(n // count, 1)

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(each):
            writer.write(_MESSAGE)
            await wait(writer.drain())
            await wait(reader.read(100))

    start = now()
    await asyncio.gather(*[ask(*client) for client in clients])
    elapsed = now() - start
    for _, writer in clients:
        writer.close()
    server.close()
    return elapsed * n / (each * count)


async def echo_1(n: int) -> float:
    return await _echo(n, 1)


async def echo_100(n: int) -> float:
    return await _echo(n, 100)


async def echo_1000(n: int) -> float:
    return await _echo(n, 1000)


async def echo_1_timeout(n: int) -> float:
    return await _echo(n, 1, timed=True)


async def echo_100_timeout(n: int) -> float:
    return await _echo(n, 100, timed=True)


async def tls_echo(n: int) -> float:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(CERTIFICATE)
    client_side = ssl.create_default_context(cafile=CERTIFICATE)
    return await _echo(n, 1, server_side=server_side, client_side=client_side)


async def bulk(n: int) -> float:
    received = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        while data := await reader.read(_BULK_CHUNK):
            received += len(data)
            if received % _BULK_BYTES == 0:
                writer.write(b"!")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    payload = bytes(_BULK_BYTES)
    start = now()
    for _ in range(n):
        writer.write(payload)
        await writer.drain()
        await reader.readexactly(1)
    elapsed = now() - start
    writer.close()
    server.close()
    return n * _BULK_BYTES / _MB / elapsed


async def await_coroutine(n: int) -> float:
    start = now()
    for _ in range(n):
        await _nothing()
    return now() - start


async def await_future(n: int) -> float:
    loop = asyncio.get_running_loop()
    start = now()
    for _ in range(n):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future
    return now() - start


async def timeout(n: int) -> float:
    limit: Any = asyncio  # timeout() is there from 3.11 on
    start = now()
    for _ in range(n):
        async with limit.timeout(5):
            pass
    return now() - start


async def _parked(n: int, wait: Callable[[], Awaitable[object]]) -> float:
    begun = 0

    async def body() -> None:
        nonlocal begun
        begun += 1
        await wait()

    gc.collect()
    before = resident_bytes()
    tasks = [asyncio.create_task(body()) for _ in range(n)]
    while begun < n:  # noqa: ASYNC110  # the begun tell nobody: that would be measured, too
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)  # the last one is in its wait by then
    after = resident_bytes()
    assert len(tasks) == n
    return (after - before) / n


async def parked_sleep(n: int) -> float:
    return await _parked(n, lambda: asyncio.sleep(3600))


async def parked_join(n: int) -> float:
    gate = asyncio.create_task(asyncio.sleep(3600))
    return await _parked(n, lambda: asyncio.wait([gate]))


async def _getaddrinfo(n: int, host: str) -> float:
    loop = asyncio.get_running_loop()
    start = now()
    for _ in range(n):
        await loop.getaddrinfo(host, 80)
    return now() - start


async def getaddrinfo_literal(n: int) -> float:
    return await _getaddrinfo(n, "127.0.0.1")


async def getaddrinfo_name(n: int) -> float:
    return await _getaddrinfo(n, "localhost")


BODIES: Final[dict[str, Body]] = {
    "sleep0": sleep0,
    "spawn_join": spawn_join,
    "spawn_join_1k": spawn_join_1k,
    "socketpair": socketpair,
    "socketpair_timeout": socketpair_timeout,
    "echo_1": echo_1,
    "echo_100": echo_100,
    "echo_1000": echo_1000,
    "echo_1_timeout": echo_1_timeout,
    "echo_100_timeout": echo_100_timeout,
    "bulk": bulk,
    "tls_echo": tls_echo,
    "await_coroutine": await_coroutine,
    "await_future": await_future,
    "await_sleep0": step,
    "task_await_coroutine": await_coroutine,
    "task_await_future": await_future,
    "task_await_sleep0": step,
    "task_step": step,
    "run_sync": await_coroutine,
    "timeout": timeout,
    "parked_sleep": parked_sleep,
    "parked_join": parked_join,
    "getaddrinfo_literal": getaddrinfo_literal,
    "getaddrinfo_name": getaddrinfo_name,
}
