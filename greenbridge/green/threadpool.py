"""Stand-ins for anyio's worker threads, as ASGI frameworks use them for functions that block.

Theory of operation. Starlette and FastAPI run a ``def`` endpoint in a real thread, of which there
are forty. Their modules look ``anyio.to_thread.run_sync`` up when they call it, so it is their
name ``anyio`` that is replaced, by an object that is anyio with another ``to_thread``: whatever
they build on it, and whoever has copied their functions, is green at once. anyio itself stays:
what it does with files needs its threads.

A function runs in a green thread, in a copy of the context, as in a worker thread of anyio. Unlike
there it is interrupted when the caller is cancelled: CancelledError is raised where it waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, final

import anyio as _anyio
from anyio import to_thread as _to_thread

from .._relay import Relay
from .._threadstate import get_running_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio import CapacityLimiter

T = TypeVar("T")

_in_a_thread: Final = _to_thread.run_sync


async def run_sync(
    func: Callable[..., T],
    *args: Any,
    abandon_on_cancel: bool = False,
    cancellable: bool | None = None,
    limiter: CapacityLimiter | None = None,
) -> T:
    """As ``anyio.to_thread.run_sync``, in a green thread; any number of them.

    Args:
        abandon_on_cancel, cancellable: say nothing here: *func* is interrupted when the caller is
            cancelled, where it waits, and the caller waits for its end.
        limiter: how many may run at once; None is no limit.

    https://anyio.readthedocs.io/en/stable/api.html#anyio.to_thread.run_sync
    """
    if get_running_loop() is None:  # trio
        return await _in_a_thread(
            func,
            *args,
            abandon_on_cancel=bool(abandon_on_cancel or cancellable),
            limiter=limiter,
        )
    if limiter is not None:
        async with limiter:
            return await run_sync(func, *args)
    relay = Relay(func, *args)
    value: T = relay.result() if relay.begin() else await relay.finish()
    return value


@final
class _Threads:
    """``anyio.to_thread``, with the function above."""

    run_sync: Any = staticmethod(run_sync)

    def __getattr__(self, name: str) -> Any:
        return getattr(_to_thread, name)


@final
class _Anyio:
    """``anyio``, with the object above."""

    to_thread: Final = _Threads()

    def __getattr__(self, name: str) -> Any:
        return getattr(_anyio, name)


anyio: Final = _Anyio()
