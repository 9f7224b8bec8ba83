"""The README and the documentation say what is there, and their examples run."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

import greenbridge
from tests.source import PACKAGE, ROOT, files, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = [path for path in files(DOCS) if path.name.endswith("_program.py")]
PAGES = [path for path in files(DOCS, ".md") if "<!-- Generated" not in path.read_text("utf-8")]
#: Names of greenbridge that are not functions or classes with a heading of their own.
TOLD_IN_WORDS = {"__version__", "requests.request"}
#: Modules whose names are public, too.
ROOMS = ("asgi", "celery", "gunicorn", "native", "requests", "servers", "testing")


def block(text: str, language: str) -> str:
    """Give the first fenced block of *language*."""
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_readme_has_exactly_two_set_up_commands() -> None:
    commands = block(README, "console").splitlines()
    assert commands == [
        "pip install . && python -m greenbridge demo",
        "pip install '.[test]' && python -m pytest",
    ]
    assert README.count("```console") == 1


def test_readme_example_is_the_program_that_runs() -> None:
    text = (DOCS / "readme_program.py").read_text(encoding="utf-8")
    shown = text.split("[start:product]\n")[1].split("# --8<-- [end:product]")[0]
    assert block(README, "python").strip() == shown.strip()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_program_runs(program: Path, url: str) -> None:
    done = subprocess.run(
        [sys.executable, str(program), url, url],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if program.name == "readme_program.py":
        assert done.stdout.splitlines() == ["200 ok"] * 3 + ["awaited without async"]


def test_readme_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert targets
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert not missing


def public_names(room: str) -> set[str]:
    """What is defined in a module, or listed by a package.

    Read, not imported: to import some of them patches the process, others need a library.
    """
    package = PACKAGE / room / "__init__.py"
    tree = parse(package if package.exists() else PACKAGE / f"{room}.py")
    if package.exists():
        (names,) = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ]
        return set(ast.literal_eval(names))
    return {
        node.name
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.name.startswith("_")
    }


def test_every_public_name_has_its_place_in_the_reference() -> None:
    page = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^::: greenbridge\.([\w.]+)$", page, re.MULTILINE))
    public = set(greenbridge.__all__)
    for room in ROOMS:
        public |= {f"{room}.{name}" for name in public_names(room)}
    in_words = set(re.findall(r"`greenbridge\.(\w+)\W", page))
    errors = {
        name
        for name in greenbridge.__all__
        if isinstance(value := getattr(greenbridge, name), type)
        and issubclass(value, greenbridge.GreenbridgeError)
    }  # docs/errors.md has them
    assert public - shown - in_words - errors - TOLD_IN_WORDS == set()
    assert shown - public == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_page_names_only_what_exists(page: Path) -> None:
    named = set(re.findall(r"`greenbridge\.([a-z_A-Z]\w*)", page.read_text(encoding="utf-8")))
    modules = {"auto", "patches", *ROOMS}
    unknown = [n for n in sorted(named) if not hasattr(greenbridge, n) and n not in modules]
    assert not unknown


def test_every_example_is_shown() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    examples = [p for p in files(DOCS) if p.name.endswith(("_example.py", "_program.py"))]
    for path in examples:
        regions = re.findall(r"\[start:([\w-]+)\]", path.read_text(encoding="utf-8"))
        assert regions, f"{path.name} shows nothing"
        for region in regions:
            name = f'"{path.relative_to(DOCS)}:{region}"'
            assert name in shown, f"no page shows {name}"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_each_snippet_is_found(page: Path) -> None:
    """mkdocs shows a mark that it does not know as it stands, so a formatter can break a page."""
    marks = [line for line in page.read_text(encoding="utf-8").splitlines() if "8" in line[:12]]
    for mark in (m.strip() for m in marks if m.strip().startswith("--")):
        found = re.fullmatch(r'--8<-- "([^":]+)(?::([\w-]+))?"', mark)
        assert found, mark
        place = next(p for p in (DOCS / found[1], DOCS.parent / found[1]) if p.exists())
        source = place.read_text(encoding="utf-8")
        assert found[2] is None or f"--8<-- [start:{found[2]}]" in source, mark
