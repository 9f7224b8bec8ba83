"""The source tree as the tests about source code read it."""

from __future__ import annotations

import ast
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "greenbridge"
PLUGIN = ROOT / "pytest_greenbridge"


def files(folder: Path, suffix: str = ".py") -> list[Path]:
    """List the files below *folder*, through `greenbridge/patches` as well, in a fixed order."""
    found = []
    for here, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__pycache__")))
        found += [Path(here) / name for name in sorted(names) if name.endswith(suffix)]
    return found


def project_files() -> list[Path]:
    """List the Python files that we write, each once."""
    own = [
        path
        for name in ("greenbridge", PLUGIN.name, "tests", "docs", ".ci")
        for path in files(ROOT / name)
    ]
    return sorted({path.resolve() for path in own})


def parse(path: Path) -> ast.Module:
    """Read one file as a syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """Give the import name of a file of the package, e.g. `greenbridge.green.time`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
