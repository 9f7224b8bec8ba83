"""The patch engine in other places than a module: aliases, and names inside classes."""

from __future__ import annotations

import select
import selectors
import time
from typing import Any

import pytest

from greenbridge._patching import (
    Patch,
    Table,
    apply,
    is_module_patched,
    is_object_patched,
    original,
)

from .fresh import in_fresh_python, module

HERE = __name__


def green_sleep(seconds: float, /) -> None:
    """A stand-in that does not wait."""


def green_monotonic() -> float:
    return 0.0


def green_select(r: Any, w: Any, x: Any, timeout: float | None = None, /) -> Any:
    return "green", [], []


def green_method(self: object, *args: object) -> str:
    return "green method"


@in_fresh_python
def test_aliases_that_hold_the_original_follow_it() -> None:
    holder = module("holder", nap=time.sleep, other=len)
    row = Patch(
        f"{HERE}:green_sleep",
        also=("holder:nap", "holder:other", "holder:Absent.nap", "absent:nap"),
    )
    with apply([Table("time", {"sleep": row})]) as applied:
        assert holder.nap is time.sleep is green_sleep
        assert holder.other is len  # somebody put it there on purpose
        assert [r.alias_of for r in applied.records] == ["", "time:sleep"]
        assert not is_module_patched("holder")
        assert is_object_patched("holder", "nap")
        late = module("absent", nap=original("time", "sleep"))
        with apply([Table("time", {"sleep": row})]):
            assert late.nap is green_sleep  # found by the second call
        assert late.nap is original("time", "sleep")
    assert holder.nap is time.sleep is not green_sleep


@in_fresh_python
def test_names_in_classes_are_put_back_exactly() -> None:
    classes = (selectors.SelectSelector, selectors.PollSelector)
    before = [list(vars(c).items()) for c in classes]
    table = Table(
        "selectors",
        {
            "SelectSelector.unregister": Patch(f"{HERE}:green_method"),
            "SelectSelector.get_key": Patch(f"{HERE}:green_method"),  # inherited until now
            "SelectSelector.new": Patch(f"{HERE}:green_method", add=True),
            "PollSelector._selector_cls": Patch(f"{HERE}:green_monotonic"),
        },
    )
    with apply([table]) as applied:
        selector = selectors.SelectSelector()
        assert selector.unregister(0) == selector.get_key(0) == "green method"  # type: ignore[comparison-overlap]
        assert selector.new() == "green method"  # type: ignore[attr-defined]
        assert [r.added for r in applied.records] == [False, False, True, False]
        assert original("selectors", "SelectSelector.unregister") is dict(before[0])["unregister"]
        assert original("selectors", "SelectSelector.get_key").__name__ == "get_key"
        with pytest.raises(AttributeError, match="did not exist before"):
            original("selectors", "SelectSelector.new")
    assert [list(vars(c).items()) for c in classes] == before


@in_fresh_python
def test_a_stand_in_binds_in_a_class_as_the_original_did() -> None:
    class Holder:
        raw: Any = select.select  # a built-in function does not become a method

        @staticmethod
        def static(seconds: float) -> str:
            return "original"

        @classmethod
        def of_class(cls) -> str:
            return "original"

    module("holder", Holder=Holder)
    before = dict(vars(Holder))
    row = Patch(
        f"{HERE}:green_select", also=("selectors:SelectSelector._select", "holder:Holder.raw")
    )
    methods = {
        "Holder.static": Patch(f"{HERE}:green_sleep"),
        "Holder.of_class": Patch(f"{HERE}:green_method"),
    }
    with apply([Table("select", {"select": row}), Table("holder", methods)]):
        assert selectors.SelectSelector().select(0) == []
        assert Holder().raw((), (), ())[0] == "green"
        assert Holder().static(0) is None
        assert Holder().of_class() == Holder.of_class() == "green method"
    assert vars(Holder) == before
    assert Holder().static(0) == Holder.of_class() == "original"


@in_fresh_python
def test_a_row_inside_a_class_that_is_replaced_means_the_original_class() -> None:
    real = selectors.SelectSelector

    class Green(real):  # type: ignore[valid-type, misc]
        pass

    module("greens", Green=Green)
    whole = Table("selectors", {"SelectSelector": Patch("greens:Green")})
    inside = Table("selectors", {"SelectSelector.get_key": Patch(f"{HERE}:green_method")})
    with apply([whole]), apply([inside]):
        assert selectors.SelectSelector is Green
        assert "get_key" in vars(real)
        assert "get_key" not in vars(Green)
    assert "get_key" not in vars(real)
