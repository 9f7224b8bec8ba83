"""A Flask-like WSGI application without Flask, for gunicorn.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


# --8<-- [start:app]
def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    time.sleep(0.2)  # a query, say: it parks this request only
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"slept\n"]


# --8<-- [end:app]
