"""``python -m greenbridge patches``: every name that the patch tables speak about."""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
from itertools import groupby
from typing import Final

from .._patch_report import libraries, rows

#: Columns of output that goes to a file or a pipe: wide enough that a reason stays on its line.
_PLAIN_WIDTH: Final = 200


def show_patches(*, as_json: bool) -> int:
    """Print what ``patch_all`` replaces and keeps on this Python; returns the exit code."""
    found = rows()
    if as_json:
        report = {
            "python": platform.python_version(),
            "platform": sys.platform,
            "patches": [dataclasses.asdict(row) for row in found],
            "libraries": [dataclasses.asdict(row) for row in libraries()],
        }
        print(json.dumps(report, indent=2))
        return 0

    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    for module, group in groupby(found, key=lambda row: row.module):
        table = Table(title=module, title_justify="left", title_style="bold", expand=True)
        table.add_column("name", no_wrap=True, ratio=3)
        table.add_column("becomes", overflow="fold", ratio=4)
        table.add_column("what is different, or why it is kept", ratio=6)
        for row in group:
            part = f" (part {row.patch!r})" if row.patch not in ("", module) else ""
            table.add_row(row.name, f"{row.what}{part}" if row.what else "[dim]kept[/]", row.reason)
        console.print(table)
    table = Table(title="libraries", title_justify="left", title_style="bold", expand=True)
    for column, ratio in (("name", 3), ("when this is imported", 4), ("what is different", 6)):
        table.add_column(column, overflow="fold", ratio=ratio)
    for library in libraries():
        asked = "" if library.default else f" (only if asked for: patch({library.name!r}))"
        table.add_row(library.name, library.module, library.note + asked)
    if table.row_count:
        console.print(table)
    replaced = sum(1 for row in found if row.what)
    console.print(
        f"{replaced} names are replaced and {len(found) - replaced} kept by patch_all() on Python "
        f"{platform.python_version()}."
    )
    return 0
