"""What the report says: rows, and who still holds an original."""

from __future__ import annotations

import builtins
import time
from typing import Any

from greenbridge._patch_report import Row, Stale, rows, stale
from greenbridge._patching import Patch, Table, apply, patch

from .fresh import in_fresh_python, module

HERE = __name__


def green_sleep(seconds: float, /) -> None:
    """A stand-in that does not wait."""


class Thing:
    """An original class."""


class GreenThing(Thing):
    """Its stand-in."""


def row(module: str, name: str) -> Row:
    """The one row about *module.name*."""
    (found,) = [r for r in rows() if (r.module, r.name) == (module, name)]
    return found


@in_fresh_python
def test_rows_tell_how_each_name_stands() -> None:
    what = "greenbridge.green.time:sleep"
    before = row("time", "sleep")
    assert (before.what, before.state, before.patch) == (what, "not", "time")
    assert before.reason
    with patch("time"):
        assert row("time", "sleep").state == "patched"
        assert row("time", "monotonic") == Row("time", "monotonic", "", "kept", "reads a clock", "")
        assert row("socket", "getaddrinfo").patch == "dns"
        mine = time.sleep
        time.sleep = green_sleep  # type: ignore[assignment]  # somebody else's
        assert row("time", "sleep").state == "not"
        assert "then replaced by <function green_sleep" in row("time", "sleep").reason
        time.sleep = mine
    assert row("time", "sleep") == before


@in_fresh_python
def test_rows_are_sorted_and_of_this_python_only() -> None:
    import importlib

    listed = rows()
    assert [r.module for r in listed] == sorted(r.module for r in listed)
    assert len({(r.module, r.name) for r in listed}) == len(listed)
    for r in listed:
        name = r.name.partition(".")[0]
        assert hasattr(importlib.import_module(r.module), name) or hasattr(builtins, name)


@in_fresh_python
def test_stale_finds_names_defaults_class_attributes_and_subclasses() -> None:
    names: dict[str, Any] = {"__name__": "early"}
    exec(
        "from time import sleep as nap\n"
        "import time\n"
        f"from {HERE} import Thing\n"
        "def retry(times, wait=nap, *, pause=time.sleep): ...\n"
        "class Poller:\n"
        "    pause = staticmethod(nap)\n"
        "    class Inner:\n"
        "        def run(self, wait=nap): ...\n"
        "class Special(Thing): ...\n",
        names,
    )
    module("early", **names)
    module("things", Thing=Thing)
    tables = [
        Table("time", {"sleep": Patch(f"{HERE}:green_sleep")}),
        Table("things", {"Thing": Patch(f"{HERE}:GreenThing")}),
    ]
    assert stale() == ()
    with apply(tables):
        found = [s for s in stale() if s.holder.partition(".")[0] == "early"]
        assert found == [
            Stale("early.Poller.Inner.run", "wait", "time.sleep", "default"),
            Stale("early.Poller", "pause", "time.sleep", "name"),
            Stale("early", "Special", "things.Thing", "subclass"),
            Stale("early", "Thing", "things.Thing", "name"),
            Stale("early", "nap", "time.sleep", "name"),
            Stale("early.retry", "pause", "time.sleep", "default"),
            Stale("early.retry", "wait", "time.sleep", "default"),
        ]
        assert [str(s) for s in found[:3]] == [
            "early.Poller.Inner.run() has the original time.sleep as default of wait=",
            "early.Poller.pause is still the original time.sleep",
            "early.Special is a subclass of the original things.Thing",
        ]
        assert not [s for s in stale() if s.holder.startswith("greenbridge")]
    assert stale() == ()


@in_fresh_python
def test_what_is_imported_after_patching_is_not_stale() -> None:
    with apply([Table("time", {"sleep": Patch(f"{HERE}:green_sleep")})]):
        names: dict[str, Any] = {}
        exec("from time import sleep", names)
        module("late", **names)
        assert stale() == ()
