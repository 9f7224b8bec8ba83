"""ASGI applications that real servers serve in the tests."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import greenbridge.auto  # noqa: F401  # first: the modules below copy names
from greenbridge.asgi import GreenMiddleware, WSGIApp

from .wsgi_app import STATE, application

#: The application of the WSGI tests.
wsgi = WSGIApp(application)


async def _blocking(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application in which each request blocks until the others are there as well."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    count = int(scope["query_string"] or b"1")
    STATE["inside"] += 1
    STATE["most"] = max(STATE["most"], STATE["inside"])
    while STATE["most"] < count:
        time.sleep(0.005)
    task = asyncio.current_task()
    body = json.dumps({"most": STATE["most"], "task": task is not None}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


green = GreenMiddleware(_blocking)


def mounted() -> Any:
    """The WSGI application below a path of a Starlette application."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def own(request: Any) -> Any:
        return PlainTextResponse("own")

    return Starlette(routes=[Route("/own", own), Mount("/old", wsgi)])
