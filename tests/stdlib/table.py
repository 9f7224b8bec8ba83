"""Reads ``known_differences.toml``: every case that may differ, and why.

Two parts. ``[[difference]]``: passes under plain Python, not under greenbridge.
``[[plain]]``: does not pass (or cannot be run) under plain Python on some machines, which
says nothing about greenbridge.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .versions import Python, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ("CONDITIONS", "TABLE", "Difference", "PlainFailure", "Row", "Table", "load")

#: tomllib is there from 3.11 on; pytest brings tomli for 3.10.
_toml: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

TABLE: Final = Path(__file__).with_name("known_differences.toml")


def _has_internet() -> bool:
    """Whether a name of the outside world could be looked up at all: is there a default route?"""
    routes = Path("/proc/net/route")
    lines = routes.read_text().splitlines()[1:] if routes.exists() else []
    return any(line.split()[1] == "00000000" for line in lines)


#: What a plain row may depend on.
CONDITIONS: Final[dict[str, Callable[[], bool]]] = {
    "always": lambda: True,
    "root": lambda: os.geteuid() == 0,
    "/dev/vsock": lambda: Path("/dev/vsock").exists(),
    "offline": lambda: not _has_internet(),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What both parts of the table say of a test."""

    #: Its id, or a pattern as ``fnmatch`` knows them; never for what hangs, which is run alone.
    test: str
    pythons: str
    reason: str
    link: str

    def is_of(self, suite: str) -> bool:
        """Whether it speaks of tests of *suite*; it may speak of those of several."""
        return self.test.startswith(f"test.{suite}.") or fnmatchcase(suite, self.test.split(".")[1])


@dataclass(frozen=True, slots=True)
class Difference(Row):
    """A test that passes under plain Python and not under greenbridge."""

    #: ``fails``: it must. ``hangs``: so it must, and is run by itself, for a short time.
    #: ``unsteady``: timing decides, so it may do either.
    action: str


@dataclass(frozen=True, slots=True)
class PlainFailure(Row):
    """Tests that plain Python itself does not pass here."""

    #: A key of ``CONDITIONS``: where the row holds.
    when: str
    #: ``fails``: it is run, and must fail. ``ignored``: it is not run at all (it hangs).
    #: ``unsteady``: it is run, and may do either.
    action: str


@dataclass(frozen=True, slots=True)
class Table:
    """The rows that hold for one Python on this machine."""

    differences: tuple[Difference, ...]
    plain: tuple[PlainFailure, ...]

    def difference(self, test: str) -> Difference | None:
        """The row for a test that differs."""
        return next((row for row in self.differences if fnmatchcase(test, row.test)), None)

    def plain_failure(self, test: str) -> PlainFailure | None:
        """The row for a test that plain Python does not pass."""
        return next((row for row in self.plain if fnmatchcase(test, row.test)), None)

    def hanging(self, suite: str) -> tuple[str, ...]:
        """The tests of a suite that would hold it up until they are stopped."""
        return tuple(
            row.test for row in self.differences if row.action == "hangs" and row.is_of(suite)
        )

    def ignored(self) -> tuple[str, ...]:
        """The patterns that are not run."""
        return tuple(row.test for row in self.plain if row.action == "ignored")


def load(python: Python, path: Path = TABLE) -> Table:
    """The table's rows for this Python.

    Raises:
        ValueError: a row lacks a field, has an unknown one, or repeats a test.
    """
    data = _toml.loads(path.read_text(encoding="utf-8"))
    if unknown := sorted(data.keys() - {"difference", "plain"}):
        raise ValueError(f"{path.name}: no part is called {', '.join(unknown)}")
    differences = [_row(Difference, row, path) for row in data.get("difference", [])]
    plain = [_row(PlainFailure, row, path) for row in data.get("plain", [])]
    for failure in plain:
        if failure.when not in CONDITIONS:
            raise ValueError(
                f"{failure.test}: when = {failure.when!r}; write one of {', '.join(CONDITIONS)}"
            )
    _check_actions(differences, ("fails", "hangs", "unsteady"))
    _check_actions(plain, ("fails", "ignored", "unsteady"))
    for row in differences:
        if row.action == "hangs" and "*" in row.test:
            raise ValueError(f"{row.test}: what hangs is run by itself, so name each such test")
    table = Table(
        tuple(row for row in differences if matches(row.pythons, python)),
        tuple(row for row in plain if matches(row.pythons, python) and CONDITIONS[row.when]()),
    )
    rows: tuple[Row, ...] = (*table.differences, *table.plain)
    names = [row.test for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path.name}: more than one row for {', '.join(twice)}")
    return table


def _check_actions(rows: Iterable[Difference | PlainFailure], known: tuple[str, ...]) -> None:
    for row in rows:
        if row.action not in known:
            raise ValueError(f"{row.test}: action = {row.action!r}; write {' or '.join(known)}")


_R = TypeVar("_R", bound=Row)


def _row(kind: type[_R], row: dict[str, str], path: Path) -> _R:
    fields = {field.name for field in dataclasses.fields(kind)}
    if row.keys() != fields or not all(row.values()):
        raise ValueError(
            f"{path.name}: a {kind.__name__} row has the fields {', '.join(sorted(fields))}, "
            f"none of them empty; this one has {row!r}"
        )
    return kind(**row)
