"""The application of ``wsgi_app`` under ``WSGIApp``, in a test with everything patched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.asgi import WSGIApp

from . import wsgi_app

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def patched() -> Iterator[None]:
    """Everything is patched, and the application has seen nothing."""
    wsgi_app.NOTES.clear()
    wsgi_app.STATE.update(inside=0, most=0, open=set())
    with greenbridge.patch_all():
        yield


def app(**options: Any) -> WSGIApp:
    """The application as an ASGI one; *options* are those of ``WSGIApp``."""
    return WSGIApp(wsgi_app.application, **options)
