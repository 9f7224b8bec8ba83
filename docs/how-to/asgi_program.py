"""WSGI applications in ASGI servers, and ASGI handlers that block; see asgi.md."""

# ruff: noqa: E402, F401 - each region imports what it needs, and one import patches
import asyncio
import time
from collections.abc import Callable
from typing import Any


def flask_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"from WSGI"]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    time.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"from ASGI"})


# --8<-- [start:wsgi]
import greenbridge.auto  # the first line of the module
from greenbridge.asgi import WSGIApp

old = WSGIApp(flask_app, limit=1000)
# --8<-- [end:wsgi]

# --8<-- [start:green]
from greenbridge.asgi import GreenMiddleware

app = GreenMiddleware(asgi_app)
# --8<-- [end:green]

# --8<-- [start:endpoints]
from greenbridge.asgi import green_endpoints

green = green_endpoints()
# --8<-- [end:endpoints]


async def ask(application: Any) -> bytes:
    body = b""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.sleep(60)  # nothing more comes: the client waits
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        nonlocal body
        body += message.get("body", b"")

    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [],
        "http_version": "1.1", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
        "scheme": "http", "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    await application(scope, receive, send)
    return body


async def main() -> None:
    cases: list[tuple[Any, bytes]] = [(old, b"from WSGI"), (app, b"from ASGI")]
    for application, expected in cases:
        began = time.monotonic()
        bodies = await asyncio.gather(*(ask(application) for _ in range(50)))
        assert set(bodies) == {expected}
        assert time.monotonic() - began < 1.5, "one after another they take 2.5 seconds"


if __name__ == "__main__":
    asyncio.run(main())
    green.restore()
