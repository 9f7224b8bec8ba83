"""``WSGIApp``: a WSGI application as an ASGI application."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, final

from .._patching import is_module_patched
from .._sync import Semaphore
from ._environ import base_environ, environ_of
from ._exchange import ClientDisconnected as ClientDisconnected
from ._exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ._environ import Scope

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]


@final
class WSGIApp:
    """Serve a WSGI application by an ASGI server, each request in a green thread of its own.

    ``app = WSGIApp(flask_app)`` for uvicorn, hypercorn or granian, or
    ``Mount("/old", WSGIApp(flask_app))`` in Starlette. There is no thread pool: a handler that
    waits costs a few kB. Bodies are streamed both ways, at the pace of the client.

    When the client goes away, :class:`ClientDisconnected` is raised in the handler where it waits,
    and ``close()`` of what it has returned is called, as always. When the server cancels the
    request, CancelledError is.

    Args:
        app: the WSGI application.
        limit: how many requests may be in it at once; the others wait. None: any number.

    Raises:
        TypeError: if *app* cannot be called.
        ValueError: if *limit* is less than 1.
    """

    __slots__ = ("_app", "_base", "_limit")

    def __init__(
        self, app: Callable[[dict[str, Any], Any], Iterable[bytes]], *, limit: int | None = None
    ) -> None:
        if not callable(app):
            raise TypeError(f"WSGIApp() needs a WSGI application, which can be called, not {app!r}")
        if limit is not None and limit < 1:
            raise ValueError(f"limit must be 1 or more, or None, not {limit!r}")
        if not is_module_patched("socket"):
            warnings.warn(
                "WSGIApp: nothing is patched, so whatever the application waits for holds up the "
                "event loop. Write 'import greenbridge.auto' in the first line of the module that "
                "the server imports",
                RuntimeWarning,
                stacklevel=2,
            )
        self._app = app
        self._base = base_environ()
        self._limit = None if limit is None else Semaphore(limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the server, as ASGI says."""
        kind = scope["type"]
        if kind == "http":
            exchange = Exchange(self._app, environ_of(scope, self._base), receive, send)
            if self._limit is None:
                await exchange.serve()
            else:
                async with self._limit:
                    await exchange.serve()
        elif kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close"})  # before it is accepted: 403
        else:
            raise ValueError(f"WSGI has no {kind!r} connections")


async def _live(receive: Receive, send: Send) -> None:
    """A WSGI application has nothing to do when the server starts and stops."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
