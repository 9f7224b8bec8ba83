"""Tests whose body runs in an interpreter of its own, since it patches the process."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING

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


def module(name: str, **names: object) -> types.ModuleType:
    """An imported module with these *names* in it."""
    made = types.ModuleType(name)
    vars(made).update(names)
    sys.modules[name] = made
    return made
