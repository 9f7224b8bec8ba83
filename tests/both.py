"""Tests whose body runs in interpreters of its own: under plain Python, and with all patched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython


def as_plain_and_patched(body: Callable[[], None]) -> Callable[[FreshPython, str], None]:
    """Decorate a test function without arguments: it runs twice, patched before all imports."""

    @pytest.mark.parametrize("python", ["plain", "patched"])
    def test(fresh_python: FreshPython, python: str) -> None:
        patch = "import greenbridge.auto\n" if python == "patched" else ""
        fresh_python(f"{patch}from {body.__module__} import {body.__name__} as test\ntest.body()")

    test.__name__ = test.__qualname__ = body.__name__
    test.__doc__ = body.__doc__
    test.__module__ = body.__module__
    test.body = body  # type: ignore[attr-defined]  # what the new interpreter calls
    return test


def is_patched() -> bool:
    """Whether this interpreter is the patched one of the two."""
    return "greenbridge.auto" in sys.modules


def switched() -> bool:
    """Whether green code has waited on a hub; in the patched interpreter it must have."""
    if not is_patched():
        return True
    from greenbridge._hubs import current_hub

    hub = current_hub()
    return hub is not None and hub.switches > 0
