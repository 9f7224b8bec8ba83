"""Libraries are patched when they are imported; tried on modules that the test writes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import greenbridge
from greenbridge import _patch_libraries, _patching
from greenbridge._patching import Library, Patch

from .fresh import in_fresh_python, module

HERE = __name__
calls: list[str] = []


def green_wait() -> str:
    """A stand-in."""
    return "green"


def hook() -> Any:
    """What a row's hook does: something, and how to undo it."""
    calls.append("done")
    return lambda: calls.append("undone")


def known(*libraries: Library) -> None:
    """Let greenbridge know these and no others."""
    module("greenbridge.patches.libraries", LIBRARIES=libraries)


def written(name: str, text: str = "def wait():\n    return 'original'\n") -> None:
    """A library that is not imported yet, in the current folder."""
    Path(f"{name}.py").write_text(text, encoding="utf-8")
    if "" not in sys.path:
        sys.path.insert(0, "")
    importlib.invalidate_caches()


WAITS = Library(
    "waits", "waits", "it waits greenly", {"wait": Patch(f"{HERE}:green_wait", "n")}, f"{HERE}:hook"
)


def imported(name: str) -> Any:
    return importlib.import_module(name)


@in_fresh_python
def test_rows_and_hook_are_applied_when_the_library_is_imported_and_undone() -> None:
    known(WAITS)
    written("waits")
    finders = list(sys.meta_path)
    applied = greenbridge.patch_all(only={"time"}, exclude=set())
    assert "waits" not in _patching._active  # only= names what is done
    applied.restore()
    applied = greenbridge.patch_all(exclude={"multiprocessing"})  # which is lazy as well
    assert _patching.library_state("waits") is False
    assert calls == []
    assert imported("waits").wait() == "green"
    assert calls == ["done"]
    assert _patching.library_state("waits") is True
    assert sys.meta_path == finders
    assert greenbridge.original("waits", "wait")() == "original"
    assert [r.patch for r in greenbridge.patched() if r.module == "waits"] == ["waits"]
    applied.restore()
    assert imported("waits").wait() == "original"
    assert calls == ["done", "undone"]
    assert greenbridge.patched() == ()


@in_fresh_python
def test_a_library_that_is_imported_already_is_patched_at_once() -> None:
    known(WAITS)
    written("waits")
    library = imported("waits")
    greenbridge.patch("waits")
    assert library.wait() == "green"
    greenbridge.unpatch_all()
    assert library.wait() == "original"
    assert calls == ["done", "undone"]


@in_fresh_python
def test_who_undoes_before_the_import_finds_it_untouched() -> None:
    known(WAITS)
    written("waits")
    with greenbridge.patch("waits"):
        assert importlib.util.find_spec("waits") is not None  # looked for, and not imported
    assert imported("waits").wait() == "original"
    assert calls == []
    assert not any(isinstance(f, _patch_libraries._Finder) for f in sys.meta_path)


@in_fresh_python
def test_one_that_is_not_the_default_is_done_when_asked_for() -> None:
    known(Library("opt", "waits", "n", {"wait": Patch(f"{HERE}:green_wait", "n")}, default=False))
    written("waits")
    greenbridge.patch_all()
    assert imported("waits").wait() == "original"
    greenbridge.patch("opt")
    assert imported("waits").wait() == "green"


@in_fresh_python
def test_an_import_that_fails_may_be_tried_again() -> None:
    known(WAITS)
    written("waits", "raise ImportError('not yet')\n")
    greenbridge.patch_all()
    with pytest.raises(ImportError, match="not yet"):
        imported("waits")
    written("waits", "def wait():\n    return 'the original, longer'\n")
    assert imported("waits").wait() == "green"


@in_fresh_python
def test_a_version_that_lacks_the_name_is_told_and_imported_all_the_same() -> None:
    known(Library("waits", "waits", "n", {"wait_c": Patch(f"{HERE}:green_wait", "n")}))
    written("waits")
    greenbridge.patch_all()
    with pytest.warns(RuntimeWarning, match=r"could not make waits cooperative.*wait_c"):
        assert imported("waits").wait() == "original"
    assert _patching.library_state("waits") is False


@in_fresh_python
def test_two_callers_and_the_first_one_undoes() -> None:
    known(WAITS)
    written("waits")
    first = greenbridge.patch_all()
    second = greenbridge.patch_all()
    second.restore()
    assert imported("waits").wait() == "green"
    first.restore()
    assert imported("waits").wait() == "original"


@in_fresh_python
def test_a_library_can_be_left_out_and_its_name_is_known() -> None:
    known(WAITS)
    written("waits")
    greenbridge.patch_all(exclude={"waits"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert imported("waits").wait() == "original"
    with pytest.raises(greenbridge.UnknownPatchError, match="waits"):
        greenbridge.patch("wait")


@in_fresh_python
def test_a_module_of_a_package_and_what_replaced_it_meanwhile() -> None:
    Path("package").mkdir()
    written("package/__init__", "from . import waits\n")
    written("package/waits")
    known(Library("p", "package.waits", "n", {"wait": Patch(f"{HERE}:green_wait", "n")}))
    applied = greenbridge.patch("p")
    library = imported("package").waits
    assert library.wait() == "green"
    library.wait = len
    with pytest.raises(greenbridge.PatchConflictError, match=r"package\.waits\.wait"):
        applied.restore()
    library.wait = green_wait
    applied.restore()
    assert library.wait() == "original"


@in_fresh_python
def test_a_library_that_goes_with_a_part_of_the_tables() -> None:
    known(Library("waits", "waits", "n", {"wait": Patch(f"{HERE}:green_wait", "n")}, part="dns"))
    written("waits")
    with greenbridge.patch("dns"):
        assert imported("waits").wait() == "green"
    with greenbridge.patch_all(exclude={"dns"}):
        assert imported("waits").wait() == "original"
