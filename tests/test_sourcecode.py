"""What holds for every file of the project: its size, its head, and what it must not name."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.source import PACKAGE, ROOT, files, parse, project_files

if TYPE_CHECKING:
    from pathlib import Path

#: Lines. A file that is longer is two ideas; split it by theme. Tests are lists, and may be longer.
LONGEST_FILE = 400
LONGEST_TEST = 600
#: A patch table is read in one look.
LONGEST_TABLE = 150
FRAGMENT = re.compile(r"(\d+|\+[a-z0-9-]+)\.(added|changed|fixed|removed)\.md|README\.md")
#: Folders of one machine, never of the project. A path in a text below these is nobody else's.
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(?:root|work|home/\w+|Users/\w+|opt/(?!python\b)\w+)/")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", project_files(), ids=name)
def test_file_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    limit = LONGEST_TEST if path.name.startswith("test_") else LONGEST_FILE
    if path.parent.name == "patches":
        limit = LONGEST_TABLE
    assert len(text.splitlines()) <= limit
    docstring = ast.get_docstring(parse(path))
    assert docstring or not text.strip(), "the first line says what the file is"


def test_no_file_names_a_machine() -> None:
    wrong = []
    suffixes = (".py", ".md", ".toml", ".txt", ".yml", ".sh", ".json", ".svg")
    for folder in (
        "greenbridge",
        "pytest_greenbridge",
        "patches",
        "tests",
        "docs",
        "changelog.d",
        ".ci",
    ):
        for path in files(ROOT / folder, ""):
            if path.suffix not in suffixes and folder != ".ci":
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if MACHINE_PATH.search(line):
                    wrong.append(f"{name(path)}:{number}: {line.strip()}")
    assert not wrong, "\n".join(wrong)


def test_every_public_module_lists_its_names_first() -> None:
    for path in files(PACKAGE):
        tree = parse(path)
        listed = next(
            (
                node.value
                for node in tree.body
                if isinstance(node, ast.Assign)
                and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__all__"]
            ),
            None,
        )
        if listed is None:
            continue
        assert isinstance(listed, ast.Tuple), f"{name(path)}: __all__ is a tuple"
        names = [ast.literal_eval(item) for item in listed.elts]
        assert len(names) == len(set(names)), f"{name(path)}: a name stands twice in __all__"


def test_changelog_fragments_are_named_as_towncrier_reads_them() -> None:
    wrong = [p.name for p in (ROOT / "changelog.d").iterdir() if not FRAGMENT.fullmatch(p.name)]
    assert not wrong, f"see changelog.d/README.md: {wrong}"


def test_every_skip_and_xfail_has_a_reason() -> None:
    wrong = []
    for path in project_files():
        for node in ast.walk(parse(path)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in {"pytest.mark.skip", "pytest.mark.xfail", "pytest.mark.skipif"}:
                reason = next((k.value for k in node.keywords if k.arg == "reason"), None)
                if reason is None:
                    wrong.append(f"{name(path)}:{node.lineno}: {called}")
    assert not wrong
