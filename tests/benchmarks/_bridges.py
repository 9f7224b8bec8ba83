"""The workloads of those that join coroutines and blocking code: greenbridge, greenback.

``await_*`` runs in what the peer calls a thread, ``task_await_*`` in a plain
call below a Task's coroutine. greenback has only the second kind.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, Final

from ._clock import now

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ("NAMES", "measure")


async def _nothing_async() -> None:
    pass


def _nothing() -> None:
    pass


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _coroutine(await_: Any, n: int) -> float:
    start = now()
    for _ in range(n):
        await_(_nothing_async())
    return now() - start


def _future(await_: Any, n: int) -> float:
    loop = await_(_running_loop())
    start = now()
    for _ in range(n):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await_(future)
    return now() - start


def _sleep0(await_: Any, n: int) -> float:
    start = now()
    for _ in range(n):
        await_(asyncio.sleep(0))
    return now() - start


async def step(n: int) -> float:
    """A Task that gives way ``n`` times."""
    start = now()
    for _ in range(n):
        await asyncio.sleep(0)
    return now() - start


_SYNC: Final[dict[str, Callable[[Any, int], float]]] = {
    "await_coroutine": _coroutine,
    "await_future": _future,
    "await_sleep0": _sleep0,
}
NAMES: Final = (*_SYNC, *(f"task_{name}" for name in _SYNC), "task_step", "run_sync")


async def _run_sync(run_sync: Callable[[Any], Any], n: int) -> float:
    start = now()
    for _ in range(n):
        await run_sync(_nothing)
    return now() - start


def _ours(name: str, n: int, loop_factory: Any) -> float:
    import greenbridge

    def main() -> float:
        value: float = greenbridge.spawn(_SYNC[name], greenbridge.await_, n).get()
        return value

    async def amain() -> float:
        if name == "task_step":
            return await asyncio.get_running_loop().create_task(step(n))
        if name == "run_sync":
            return await _run_sync(greenbridge.run_sync, n)
        return _SYNC[name.removeprefix("task_")](greenbridge.await_, n)

    entry: Any = main if name in _SYNC else amain
    value: float = greenbridge.run(entry, loop_factory=loop_factory)
    return value


def _greenback(name: str, n: int) -> float:
    greenback: Any = importlib.import_module("greenback")

    async def amain() -> float:
        if name == "run_sync":
            return await _run_sync(greenback.with_portal_run_sync, n)
        await greenback.ensure_portal()
        if name == "task_step":
            return await step(n)
        return _SYNC[name.removeprefix("task_")](greenback.await_, n)

    return _on_uvloop(amain())


def _threads(name: str, n: int) -> float:
    if name != "run_sync":
        raise ValueError(f"{name!r} has no meaning for OS threads")
    return _on_uvloop(_run_sync(asyncio.to_thread, n))


def _on_uvloop(main: Coroutine[Any, Any, float]) -> float:
    uvloop: Any = importlib.import_module("uvloop")
    value: float = uvloop.run(main)
    return value


def measure(peer: str, name: str, n: int) -> float:
    """Seconds for ``n`` operations of the workload ``name``."""
    if peer == "ours":
        return _ours(name, n, None)
    if peer == "ours-asyncio":
        return _ours(name, n, asyncio.new_event_loop)
    return _greenback(name, n) if peer == "greenback" else _threads(name, n)
