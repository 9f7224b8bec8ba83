"""Every error has a code of its own, a page that explains it, and shows both in its text."""

from __future__ import annotations

import ast
import pickle
import re

import pytest

from docs.error_notes import NOTES
from docs.render_errors import PAGE, classes, page
from greenbridge import _errors

CLASSES = classes()


def test_codes_are_unique_and_well_formed() -> None:
    codes = [cls.code for cls in CLASSES]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"GB\d{3}", code) for code in codes)
    assert all("code" in vars(cls) for cls in CLASSES), "a code is not inherited"


def test_every_class_is_public_and_every_public_name_exists() -> None:
    assert {cls.__name__ for cls in CLASSES} <= set(_errors.__all__)
    assert all(hasattr(_errors, name) for name in _errors.__all__)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_text_ends_with_code_and_anchor(cls: type[_errors.GreenbridgeError]) -> None:
    text = str(cls("what happened"))
    assert text.startswith("what happened")
    assert cls.code in text
    assert f"{_errors.DOCS}#{cls.code.lower()}" in text


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_error_survives_pickling(cls: type[_errors.GreenbridgeError]) -> None:
    again = pickle.loads(pickle.dumps(cls("what happened")))
    assert type(again) is cls
    assert str(again) == str(cls("what happened"))


def test_every_code_has_a_note_and_every_note_a_class() -> None:
    assert set(NOTES) == {cls.code for cls in CLASSES}


@pytest.mark.parametrize("code", sorted(NOTES))
def test_what_to_write_instead_is_python(code: str) -> None:
    ast.parse(f"async def example():\n{indented(NOTES[code].instead)}")


def indented(lines: str) -> str:
    return "\n".join(f"    {line}" for line in lines.strip().splitlines())


def test_page_is_current_and_has_the_anchors() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "run python docs/render_errors.py"
    assert all(f"{{ #{cls.code.lower()} }}" in text for cls in CLASSES)


def test_greenexit_passes_except_exception() -> None:
    assert not issubclass(_errors.GreenExit, Exception)
