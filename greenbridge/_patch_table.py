"""What a patch table is made of, and which tables and rows there are.

Data only: reading a table imports neither a green nor a stdlib module, so the engine,
the report and the documentation page all read the same rows on any machine.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from ._errors import UnknownPatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@final
@dataclass(frozen=True, slots=True)
class Patch:
    """One row: replace a name with the object at *to*."""

    to: str  # "package.module:attribute"; resolved only when it is applied
    note: str = ""  # what is different afterwards, one line for the documentation
    also: tuple[str, ...] = ()  # "module:name" places that hold the same original
    part: str = ""  # a name of its own for a group of rows of the table, as "dns"
    add: bool = False  # the name need not exist before
    may_change: bool = False  # programs set it themselves: what they have set is left there
    cooperative: bool = False  # the original waits greenly as well, where it is made after patching
    since: tuple[int, int] = (3, 10)  # first Python that has the name
    until: tuple[int, int] = (99, 0)  # first Python that lacks it
    platforms: tuple[str, ...] = ()  # beginnings of sys.platform, or "!win32"; () is all


@final
@dataclass(frozen=True, slots=True)
class Keep:
    """One row: a public callable that stays the stdlib's own, and why."""

    reason: str
    since: tuple[int, int] = (3, 10)
    until: tuple[int, int] = (99, 0)
    platforms: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Table:
    """Everything that is done to one stdlib module, what is left alone, and why."""

    module: str
    replace: Mapping[str, Patch]  # "name" or "Class.name" -> what takes its place
    keep: Mapping[str, Keep] = field(default_factory=dict)  # names, separated by spaces -> why
    after: tuple[str, ...] = ()  # modules whose tables go first
    holders: Mapping[str, str | Keep] = field(default_factory=dict)  # "module:name" that may stay
    within: str = ""  # the module of another table: whose name stands for this one, too
    lazy: bool = False  # the module is not imported for it: the rows are set when somebody does

    @property
    def name(self) -> str:
        """What ``patch_all`` calls it: the module's name, or that of the table it goes with."""
        return self.within or self.module

    @property
    def kept(self) -> dict[str, Keep]:
        """``keep`` with one name a row."""
        return {name: row for names, row in self.keep.items() for name in names.split()}

    @property
    def parts(self) -> frozenset[str]:
        """The names of the groups of rows that can be chosen on their own."""
        return frozenset(row.part for row in self.replace.values() if row.part)


@final
@dataclass(frozen=True, slots=True)
class Library:
    """What is done to a library that is not of the stdlib, when it is imported or is already."""

    name: str  # what patch(), only= and exclude= call it
    module: str  # the module whose import brings it about
    note: str  # what is different afterwards
    replace: Mapping[str, Patch] = field(default_factory=dict)  # as in a Table, of that module
    hook: str = ""  # "module:function", called when the rows are set; what it returns undoes it
    default: bool = True  # patch_all() does it; else only patch(name) and only= do
    part: str = ""  # the part of the tables that it goes with: that name stands for it as well


def fits(row: Patch | Keep, python: tuple[int, int], platform: str) -> bool:
    """Whether *row* is about this version and ``sys.platform``."""
    if not row.since <= python < row.until:
        return False
    return not row.platforms or any(
        not platform.startswith(p[1:]) if p[0] == "!" else platform.startswith(p)
        for p in row.platforms
    )


def ordered(tables: Iterable[Table]) -> list[Table]:
    by_name = {table.module: table for table in tables}
    done: dict[str, Table] = {}

    def visit(table: Table, path: tuple[str, ...]) -> None:
        if table.module in path:
            chain = " -> ".join((*path, table.module))
            raise ValueError(f"patch tables wait for each other: {chain}")
        for name in table.after:
            if name in by_name and name not in done:
                visit(by_name[name], (*path, table.module))
        done.setdefault(table.module, table)

    for table in by_name.values():
        visit(table, ())
    return list(done.values())


def load_tables() -> tuple[Table, ...]:
    """Every table of ``greenbridge.patches``. Imports data only: no green, no stdlib module."""
    names = importlib.import_module("greenbridge.patches").NAMES
    return tuple(importlib.import_module(f"greenbridge.patches.{n}").TABLE for n in names)


def load_libraries() -> tuple[Library, ...]:
    """Every row of ``greenbridge.patches.libraries``. Imports data only, and no library."""
    rows: tuple[Library, ...] = importlib.import_module("greenbridge.patches.libraries").LIBRARIES
    return rows


def check_patches(
    only: Iterable[str] | None, exclude: Iterable[str] | None
) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The two sets of names that ``patch_all`` is given; patches nothing.

    Raises:
        UnknownPatchError: a name that no table has.
    """
    tables = load_tables()
    known = frozenset(t.name for t in tables).union(*(t.parts for t in tables))
    known |= {library.name for library in load_libraries()}
    chosen = None if only is None else check_names("only", only, known)
    return chosen, check_names("exclude", exclude, known)


def check_names(
    argument: str, names: Iterable[str] | None, known: frozenset[str]
) -> frozenset[str]:
    if isinstance(names, str):
        raise TypeError(
            f"{argument}= takes a collection of names, not the string {names!r}; "
            f"write {argument}={{{names!r}}}"
        )
    wanted = frozenset(names or ())
    unknown = sorted(repr(name) for name in wanted - known)
    if unknown:
        import difflib  # only for the message

        close = {c for u in unknown for c in difflib.get_close_matches(u[1:-1], sorted(known))}
        hint = f" Did you mean {' or '.join(repr(c) for c in sorted(close))}?" if close else ""
        raise UnknownPatchError(
            f"there is no patch named {', '.join(unknown)}, and nothing was patched.{hint} "
            f"The names are: {', '.join(sorted(known))}."
        )
    return wanted
