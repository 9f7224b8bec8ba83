"""Blocking calls in the handlers of an ASGI application: ``async def`` and ``def``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, final

from .._green_tasks import install, pool_of
from .._patching import Applied, patch_all
from .._portal import current_owner
from .._tasks import GreenCoro

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._environ import Scope

    ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


@final
class GreenMiddleware:
    """Make an ASGI application green: what blocks in an ``async def`` parks that request only.

    ``app = GreenMiddleware(app)``, or ``app.add_middleware(GreenMiddleware)`` as the last one that
    is added, so that it is the outermost. It works whenever the server has made its Tasks. Tasks
    that the application makes while it serves are green as well (``greenbridge.install``).

    Args:
        app: the ASGI application.
    """

    __slots__ = ("app",)

    def __init__(self, app: ASGIApp) -> None:
        self.app: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one connection of the server, as ASGI says."""
        loop = asyncio.get_running_loop()
        install(loop)
        call: Any = self.app(scope, receive, send)
        if current_owner() is None:
            call = GreenCoro(pool_of(loop), call)
        await call


def green_endpoints() -> Applied:
    """Run the ``def`` endpoints of FastAPI and Starlette in green threads.

    Without it they run in anyio's 40 real ones, and the forty-first request waits. Dependencies,
    those with ``yield`` too, background tasks and sync iterators of a StreamingResponse follow, and
    ``anyio.from_thread.run`` works in all of them. Files (uploads, StaticFiles) keep their threads.

    Call it before or after the frameworks are imported; the token that it returns undoes it. It is
    ``patch_all(only={"anyio", "fastapi", "starlette"})``; patch the standard library as well.

    On cancellation of a request CancelledError is raised in the function, where it waits.
    """
    return patch_all(only={"anyio", "fastapi", "starlette"})
