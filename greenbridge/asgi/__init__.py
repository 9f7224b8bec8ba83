"""WSGI applications inside ASGI servers, and ASGI applications whose handlers may block.

Not imported by ``greenbridge`` itself: ``from greenbridge.asgi import WSGIApp, GreenMiddleware``.
"""

from __future__ import annotations

from ._middleware import GreenMiddleware as GreenMiddleware
from ._middleware import green_endpoints as green_endpoints
from ._wsgi import ClientDisconnected as ClientDisconnected
from ._wsgi import WSGIApp as WSGIApp

__all__ = ("ClientDisconnected", "GreenMiddleware", "WSGIApp", "green_endpoints")
