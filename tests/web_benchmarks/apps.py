"""The applications under load; every server imports what it serves from here."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from typing import Any

#: Where the slow service is, as a URL.
DOWNSTREAM = os.environ.get("WEB_BENCHMARKS_DOWNSTREAM", "")


def bare(environ: Any, start_response: Any) -> list[bytes]:
    body = b"Hello, World!"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def flask() -> Any:
    """Flask: ``/`` says hello, ``/downstream`` asks a slow service with urllib."""
    from flask import Flask

    app = Flask(__name__)

    @app.get("/")
    def hello() -> str:
        return "Hello, World!"

    @app.get("/downstream")
    def downstream() -> bytes:
        with urllib.request.urlopen(DOWNSTREAM) as answer:
            body: bytes = answer.read()
        return body

    return app


def fastapi() -> Any:
    """FastAPI with a ``def`` endpoint that blocks for half a second."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    def slow() -> str:
        time.sleep(0.5)
        return "Hello, World!"

    return app


def green_fastapi() -> Any:
    """The same, patched, and with one switch."""
    import greenbridge
    from greenbridge.asgi import green_endpoints

    greenbridge.patch_all()
    green_endpoints()
    return fastapi()


def wsgi_in_asgi(kind: str, app: str) -> Any:
    """A WSGI application as an ASGI one, by greenbridge or by a2wsgi."""
    if kind == "a2wsgi":
        from a2wsgi import WSGIMiddleware

        return WSGIMiddleware(bare if app == "bare" else flask())
    import greenbridge
    from greenbridge.asgi import WSGIApp

    greenbridge.patch_all()
    return WSGIApp(bare if app == "bare" else flask())


def __getattr__(name: str) -> Any:
    """Applications by name, so that a server makes only the one that it serves."""
    made: dict[str, Any] = {
        "flask_app": flask,
        "fastapi_app": fastapi,
        "green_fastapi_app": green_fastapi,
        "asgi_bare": lambda: wsgi_in_asgi("greenbridge", "bare"),
        "asgi_flask": lambda: wsgi_in_asgi("greenbridge", "flask"),
        "a2wsgi_bare": lambda: wsgi_in_asgi("a2wsgi", "bare"),
        "a2wsgi_flask": lambda: wsgi_in_asgi("a2wsgi", "flask"),
    }
    if name not in made:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = made[name]()
    setattr(sys.modules[__name__], name, value)
    return value
