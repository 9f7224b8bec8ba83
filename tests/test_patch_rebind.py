"""rebind(): names that were bound before patching get the stand-ins."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

import greenbridge
from greenbridge._patch_report import stale
from greenbridge._patching import patched

from .fresh import in_fresh_python, module


def bound() -> tuple[Any, Any, Any]:
    """Modules that did ``from time import sleep``: an application's, a library's, the stdlib's."""
    name = "zipapp"  # of the stdlib, and harmless
    return (
        module("app.tasks", sleep=time.sleep, other=len),
        module("anyio.fake", sleep=time.sleep),
        module(name, sleep=time.sleep),
    )


@in_fresh_python
def test_modules_get_the_stand_in_and_give_it_back() -> None:
    app, loops, stdlib = bound()
    module("app")
    real = time.sleep
    with greenbridge.patch("time"):
        assert {row.holder for row in stale()} >= {"app.tasks", "anyio.fake", "zipapp"}
        token = greenbridge.rebind()
        assert app.sleep is time.sleep is not real
        assert app.other is len
        assert loops.sleep is real
        assert stdlib.sleep is real
        assert "app.tasks" in {record.module for record in patched()}
        token.restore()
        assert app.sleep is real
        greenbridge.rebind("app")
        assert app.sleep is time.sleep
        greenbridge.unpatch_all()
        assert app.sleep is real
    assert patched() == ()


@in_fresh_python
def test_only_the_packages_that_are_named() -> None:
    app, loops, _ = bound()
    module("app")
    module("anyio")
    with greenbridge.patch("time"):
        greenbridge.rebind("anyio")
        assert loops.sleep is time.sleep
        assert app.sleep is not time.sleep
        greenbridge.unpatch_all()


@in_fresh_python
def test_without_patches_nothing_happens() -> None:
    app, _, _ = bound()
    greenbridge.rebind()
    assert app.sleep is time.sleep
    assert patched() == ()


def test_a_package_that_is_not_imported_is_refused() -> None:
    assert "nowhere" not in sys.modules
    with pytest.raises(LookupError, match="nowhere, which is not imported"):
        greenbridge.rebind("nowhere")


@in_fresh_python
def test_looking_for_stale_names_loads_nothing() -> None:
    class Lazy:
        def __getattr__(self, name: str) -> Any:
            raise ImportError(f"asked for {name}")

    class Holder:
        lazy = Lazy()

    Holder.__module__, Holder.__qualname__ = "app", "Holder"
    module("app", Holder=Holder)
    with greenbridge.patch("time"):
        stale()
