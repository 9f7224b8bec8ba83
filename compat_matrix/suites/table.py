"""Reads ``suites.toml``: the suites, what is left out of them, and which tests may differ."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..rows import LOOPS, MatrixError, since, toml
from ..services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("ACTIONS", "WORLDS", "Difference", "LeftOut", "Suite", "Table", "load")

TABLE: Final = Path(__file__).parent.with_name("suites.toml")

#: How a suite is run beside plain.
WORLDS: Final = {
    "patched": "after `patch_all()`, with a green thread beside the tests",
    "installed": "not patched; every loop makes green Tasks (`install()`)",
}
#: What a test that differs does. ``hangs``: it is not run in that world.
ACTIONS: Final = ("fails", "unsteady", "hangs")


@dataclass(frozen=True, slots=True)
class Suite:
    """A public suite, and how to run it."""

    name: str  # of the distribution
    version: str
    requires: tuple[str, ...] = ()  # for pip, besides the library itself
    arguments: tuple[str, ...] = ()  # for pytest; {host} and {port} are the server's
    take: tuple[str, ...] = ()  # what of the archive is needed; () is all of it
    repository: str = ""  # where to clone the tag from, if the archive has no tests
    tag: str = ""
    libraries: tuple[str, ...] = ()  # what pip installs of the library; () is name==version
    server: str = ""  # a service of services.py that must run
    environment: tuple[tuple[str, str], ...] = ()  # variables; as above
    pythons: tuple[str, ...] = ()
    worlds: tuple[str, ...] = ("patched",)
    limit: float = 600.0  # seconds for one run
    notes: str = ""  # for the page


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Tests that are not run at all, plain or not."""

    suite: str
    test: str  # an id, or a pattern as fnmatch knows them
    reason: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Tests that do not do under greenbridge what they do plainly, or not always."""

    suite: str
    test: str
    world: str
    action: str
    reason: str
    pythons: tuple[str, ...] = ()
    loops: tuple[str, ...] = LOOPS


@dataclass(frozen=True, slots=True)
class Table:
    """The whole file."""

    suites: tuple[Suite, ...]
    left_out: tuple[LeftOut, ...]
    differences: tuple[Difference, ...]

    def left_out_of(self, suite: str) -> tuple[str, ...]:
        """Patterns of what is not run in any world."""
        return tuple(row.test for row in self.left_out if row.suite == suite)

    def differences_of(
        self, suite: str, world: str, python: str, loop: str
    ) -> tuple[Difference, ...]:
        """The rows that hold for one run."""
        return tuple(
            row
            for row in self.differences
            if (row.suite, row.world) == (suite, world)
            and python in row.pythons
            and loop in row.loops
        )


def matching(rows: Iterable[Difference], test: str) -> Difference | None:
    """The row for a test."""
    return next((row for row in rows if row.test == test or fnmatchcase(test, row.test)), None)


_R = TypeVar("_R", Suite, LeftOut, Difference)


def _row(kind: type[_R], data: dict[str, Any]) -> _R:
    """A row, as its class says, with lists as tuples.

    Raises:
        MatrixError: a field is missing, unknown or empty.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    told = " ".join(str(data.get(name)) for name in ("name", "suite", "test") if name in data)
    if unknown := sorted(data.keys() - fields.keys()):
        raise MatrixError(f"{kind.__name__} {told!r}: unknown keys {', '.join(unknown)}")
    needed = {n for n, field in fields.items() if field.default is dataclasses.MISSING}
    if missing := sorted(n for n in needed if not data.get(n)):
        raise MatrixError(f"{kind.__name__} {told!r}: {', '.join(missing)} must be given")
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in data.items()
    }
    if "pythons" in fields:
        values["pythons"] = since(data.get("pythons", ">=3.10"))
    if "environment" in values:
        values["environment"] = tuple(sorted(values["environment"].items()))
    return kind(**values)


def _check(table: Table) -> None:
    names = [suite.name for suite in table.suites]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MatrixError(f"suites stand there twice: {', '.join(twice)}")
    for suite in table.suites:
        if unknown := sorted(set(suite.worlds) - WORLDS.keys()):
            raise MatrixError(f"suite {suite.name!r}: unknown worlds {', '.join(unknown)}")
        if suite.server and suite.server not in SERVICES:
            raise MatrixError(f"suite {suite.name!r}: services.py has no {suite.server!r}")
        if bool(suite.repository) != bool(suite.tag):
            raise MatrixError(f"suite {suite.name!r}: repository and tag belong together")
    worlds = {suite.name: suite.worlds for suite in table.suites}
    told: list[LeftOut | Difference] = [*table.left_out, *table.differences]
    for row in told:
        if row.suite not in worlds:
            raise MatrixError(f"{row.test!r}: there is no suite {row.suite!r}")
        if not row.reason.endswith("."):
            raise MatrixError(f"{row.test!r}: the reason must be a full sentence")
    for differing in table.differences:
        if differing.world not in worlds[differing.suite]:
            raise MatrixError(
                f"{differing.test!r}: {differing.suite} is not run {differing.world!r}"
            )
        if differing.action not in ACTIONS:
            raise MatrixError(
                f"{differing.test!r}: action {differing.action!r}; write {' or '.join(ACTIONS)}"
            )


def load(path: Path = TABLE) -> Table:
    """The table, in the order of the file.

    Raises:
        MatrixError: a row is incomplete, says something unknown, or stands there twice.
    """
    data = toml.loads(path.read_text(encoding="utf-8"))
    if unknown := sorted(data.keys() - {"suite", "left_out", "difference"}):
        raise MatrixError(f"{path.name}: no part is called {', '.join(unknown)}")
    table = Table(
        tuple(_row(Suite, row) for row in data.get("suite", ())),
        tuple(_row(LeftOut, row) for row in data.get("left_out", ())),
        tuple(_row(Difference, row) for row in data.get("difference", ())),
    )
    _check(table)
    return table
