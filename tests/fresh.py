"""Tests whose body runs in an interpreter of its own, since it patches the process."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython


def in_fresh_python(body: Callable[[], None]) -> Callable[[FreshPython], None]:
    """Decorate a test function without arguments: pytest calls it in a new interpreter."""

    def test(fresh_python: FreshPython) -> None:
        fresh_python(f"from {body.__module__} import {body.__name__} as test\ntest.body()")

    test.__name__ = test.__qualname__ = body.__name__
    test.__doc__ = body.__doc__
    test.__module__ = body.__module__
    test.body = body  # type: ignore[attr-defined]  # what the new interpreter calls
    return test


def as_plain_and_patched(body: Callable[[], None]) -> Callable[[FreshPython, str], None]:
    """As `in_fresh_python`, twice: under plain Python, and with everything patched first."""

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


def module(name: str, **names: object) -> types.ModuleType:
    """An imported module with these *names* in it."""
    made = types.ModuleType(name)
    vars(made).update(names)
    sys.modules[name] = made
    return made
