"""Reads ``matrix.toml``: the rows, and which cells they make."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = (
    "AT_ONCE", "LOOPS", "MODES", "PYTHONS", "Cell", "MatrixError", "Row", "cells", "load", "since",
    "toml",
)  # fmt: skip

MATRIX: Final = Path(__file__).with_name("matrix.toml")
SCENARIOS: Final = Path(__file__).with_name("scenarios")
PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
LOOPS: Final = ("uvloop", "asyncio")

#: How a library gets to the loop.
MODES: Final = {
    "patched": "unmodified blocking code, after patch_all()",
    "await": "its coroutines, from plain functions, through await_()",
    "hook": "waits in C; greenbridge hooks it when it is imported",
    "offload": "waits in C; runs in real threads, by offload() or offload_module()",
    "host": "runs the program: a server or a worker of its own",
}
#: What a row may expect; "no server": there is none that can be had, so it is not run.
EXPECTATIONS: Final = ("works", "limited", "fails", "no server")
#: Calls at once, if the row does not say another number.
AT_ONCE: Final = 50

#: tomllib is there from 3.11 on; pytest brings tomli for 3.10.
toml: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

_KEYS: Final = {
    "name", "group", "scenario", "requires", "mode", "server", "pythons", "loops", "expect",
    "reason", "link", "not_concurrent", "debian", "beside", "at_once",
}  # fmt: skip


class MatrixError(Exception):
    """A row of the table is wrong; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Row:
    """One library, used in one way."""

    name: str
    group: str
    scenario: str  # a module of compat_matrix.scenarios
    requires: tuple[str, ...]  # for pip; the first one is the library itself
    mode: str
    server: str  # a service of services.py; "" where none is needed
    pythons: tuple[str, ...]
    loops: tuple[str, ...]
    expect: str
    reason: str  # why it is not "works", a full sentence
    link: str
    not_concurrent: str  # why many calls at once are not faster here; "" if they must be
    debian: tuple[str, ...]  # Debian packages that building or running it needs
    beside: tuple[str, ...] = ()  # further services, for programs that talk to several
    at_once: int = AT_ONCE  # calls at once


@dataclass(frozen=True, slots=True)
class Cell:
    """A row on one Python and one loop."""

    row: Row
    python: str
    loop: str

    @property
    def key(self) -> str:
        """How results.json names it."""
        return f"{self.row.name} / {self.python} / {self.loop}"


def since(text: str) -> tuple[str, ...]:
    """The Pythons that ``>=3.11`` or ``>=3.10,<3.14`` names, or those of a list."""
    chosen = []
    for python in PYTHONS:
        version = tuple(map(int, python.split(".")))
        for part in text.split(","):
            bound = tuple(map(int, part.strip("<>= ").split(".")))
            if not (version < bound if part.strip().startswith("<") else version >= bound):
                break
        else:
            chosen.append(python)
    return tuple(chosen)


def _row(data: dict[str, Any]) -> Row:
    name = data.get("name", "?")
    if unknown := sorted(data.keys() - _KEYS):
        raise MatrixError(f"row {name!r}: unknown keys {', '.join(unknown)}")
    row = Row(
        name=name,
        group=data.get("group", ""),
        scenario=data.get("scenario", ""),
        requires=tuple(data.get("requires", ())),
        mode=data.get("mode", "patched"),
        server=data.get("server", ""),
        pythons=since(data.get("pythons", ">=3.10")),
        loops=tuple(data.get("loops", LOOPS)),
        expect=data.get("expect", "works"),
        reason=data.get("reason", ""),
        link=data.get("link", ""),
        not_concurrent=data.get("not_concurrent", ""),
        debian=tuple(data.get("debian", ())),
        beside=tuple(data.get("beside", ())),
        at_once=data.get("at_once", AT_ONCE),
    )
    if row.mode not in MODES:
        raise MatrixError(f"row {name!r}: mode {row.mode!r} is none of {', '.join(MODES)}")
    if row.expect not in EXPECTATIONS:
        raise MatrixError(f"row {name!r}: expect {row.expect!r}; write {' or '.join(EXPECTATIONS)}")
    if (row.expect != "works") != bool(row.reason):
        raise MatrixError(
            f"row {name!r}: a reason is needed where it does not work, and only there"
        )
    if row.expect == "no server" and not row.server:
        raise MatrixError(f"row {name!r}: it needs no server, so it cannot lack one")
    if not (SCENARIOS / f"{row.scenario}.py").exists():
        raise MatrixError(f"row {name!r}: there is no scenarios/{row.scenario}.py")
    if unknown := sorted(set(row.loops) - set(LOOPS)):
        raise MatrixError(f"row {name!r}: unknown loops {', '.join(unknown)}")
    return row


def load(path: Path = MATRIX) -> tuple[Row, ...]:
    """Every row, in the order of the file.

    Raises:
        MatrixError: a row is incomplete, says something unknown, or stands there twice.
    """
    rows = tuple(_row(data) for data in toml.loads(path.read_text(encoding="utf-8"))["row"])
    names = [row.name for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MatrixError(f"rows stand there twice: {', '.join(twice)}")
    return rows


def cells(
    rows: tuple[Row, ...],
    *,
    only: frozenset[str] = frozenset(),
    pythons: frozenset[str] = frozenset(),
    loops: frozenset[str] = frozenset(),
) -> list[Cell]:
    """The cells of *rows* that the arguments choose; an empty one chooses all.

    Args:
        only: names of rows, scenarios, groups or servers.

    Raises:
        MatrixError: a name that no row has.
    """
    known = {n for row in rows for n in (row.name, row.scenario, row.group, row.server)}
    if unknown := sorted(only - known):
        raise MatrixError(f"no row, scenario, group or server is called {', '.join(unknown)}")
    return [
        Cell(row, python, loop)
        for row in rows
        if not only or only & {row.name, row.scenario, row.group, row.server}
        for python in row.pythons
        if not pythons or python in pythons
        for loop in row.loops
        if not loops or loop in loops
    ]
