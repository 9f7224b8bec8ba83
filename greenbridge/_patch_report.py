"""What is patched, what is not and why, and who still holds an original. Changes nothing."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, final

from ._audit._advice import namers
from ._patch_plan import ABSENT
from ._patch_table import Table, fits, load_libraries, load_tables
from ._patching import Record, library_state, patched

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("LibraryRow", "Row", "Stale", "libraries", "rows", "stale")


_DEPTH: Final = 3  # how deep stale() looks into classes in classes: a guess, one is rare


@final
@dataclass(frozen=True, slots=True)
class Row:
    """One public name of a stdlib module and how it stands right now."""

    module: str
    name: str
    what: str  # the stand-in, as "package.module:attribute"; "" for a name that is kept
    state: Literal["patched", "not", "kept"]
    reason: str  # what the stand-in does differently, or why there is none
    patch: str  # the name for patch(), only= and exclude=; "" for a name that is kept


@final
@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A library outside the stdlib that greenbridge knows, and how it stands right now."""

    name: str  # for patch(), only= and exclude=
    module: str  # the module whose import makes it cooperative
    state: Literal["patched", "when imported", "not"]
    note: str  # what is different
    default: bool  # whether patch_all() includes it


@final
@dataclass(frozen=True, slots=True)
class Stale:
    """Something that was bound before patching and still reaches an original."""

    holder: str  # the module, or module and class or function
    name: str  # the name in it
    original: str  # "time.sleep"
    how: Literal["name", "default", "subclass"]

    def __str__(self) -> str:
        if self.how == "subclass":
            return f"{self.holder}.{self.name} is a subclass of the original {self.original}"
        if self.how == "default":
            return f"{self.holder}() has the original {self.original} as default of {self.name}="
        return f"{self.holder}.{self.name} is still the original {self.original}"


def rows() -> tuple[Row, ...]:
    """Every name that a patch table speaks about, on this Python and platform.

    Sorted by module and name, the replaced ones of a module first.
    """
    live = {(record.module, record.name): record for record in patched()}
    return tuple(
        row
        for table in sorted(load_tables(), key=lambda t: t.module)
        for row in (*_replaced(table, live), *_kept(table))
    )


def libraries() -> tuple[LibraryRow, ...]:
    """Every library that ``patches/libraries.py`` has a row for, in its order."""
    states: dict[bool | None, Literal["patched", "when imported", "not"]]
    states = {True: "patched", False: "when imported", None: "not"}
    return tuple(
        LibraryRow(row.name, row.module, states[library_state(row.name)], row.note, row.default)
        for row in load_libraries()
    )


def _replaced(table: Table, live: dict[tuple[str, str], Record]) -> Iterator[Row]:
    for name, row in sorted(table.replace.items()):
        if not fits(row, sys.version_info[:2], sys.platform):
            continue
        record = live.get((table.module, name))
        state: Literal["patched", "not"] = "not"
        reason = row.note
        if record is not None:
            if record.is_in_place:
                state = "patched"
            else:
                reason = f"was patched, then replaced by {record.now!r}"
        yield Row(table.module, name, row.to, state, reason, row.part or table.name)


def _kept(table: Table) -> Iterator[Row]:
    for name, row in sorted(table.kept.items()):
        if fits(row, sys.version_info[:2], sys.platform):
            yield Row(table.module, name, "", "kept", row.reason, "")


def stale() -> tuple[Stale, ...]:
    """What still reaches an original because it was bound before patching.

    Finds names in modules and classes (``from time import sleep``), defaults of functions
    (``def retry(wait=time.sleep)``) and subclasses of a replaced class. Each is a place
    that blocks: import :mod:`greenbridge.auto` before the module that is named.
    """
    live = patched()
    ours = {(record.module, record.name) for record in live}
    told = {(t.module, name): row for t in load_tables() for name, row in t.replace.items()}
    originals = {
        id(r.original): r
        for r in reversed(live)
        if callable(r.original) and not getattr(told.get((r.module, r.name)), "cooperative", False)
    }
    # What a class had inherited stands in its base as before.
    inherited = {id(r.original) for r in live if r._prior is ABSENT}
    greens = {id(r.green) for r in live}
    fine = {place for table in load_tables() for place in table.holders}
    found: set[Stale] = set()

    def label(value: object) -> str:
        record = originals[id(value)]
        return f"{record.module}.{record.name}"

    def look(module: str, path: str, namespace: dict[str, Any]) -> None:
        for name, value in list(namespace.items()):
            dotted = f"{path}.{name}" if path else name
            # Not getattr(): in a class may stand anything, and some of it loads modules when asked.
            raw = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if f"{module}:{dotted}" in fine:
                continue
            if path and id(raw) in inherited:
                continue
            if id(raw) in originals:
                # What an original class has inside is its own business; and so is what a C module
                # defines, which the stdlib's module of another name shows, and the greens call.
                defined = isinstance(raw, BuiltinFunctionType) and raw.__module__ == module
                if (module, dotted) not in ours and not defined:
                    holder = f"{module}.{path}" if path else module
                    found.add(Stale(holder, name, label(raw), "name"))
            elif isinstance(raw, FunctionType):
                if raw.__module__ == module:
                    defaults(f"{module}.{dotted}", raw)
            elif (
                isinstance(raw, type)
                and (raw.__module__, raw.__qualname__) == (module, dotted)  # at its own place
                and path.count(".") < _DEPTH
            ):
                look(module, dotted, dict(vars(raw)))

    def defaults(where: str, function: FunctionType) -> None:
        code = function.__code__
        positional = code.co_varnames[: code.co_argcount]
        values = function.__defaults__ or ()
        pairs = [*zip(positional[len(positional) - len(values) :], values, strict=True)]
        for name, value in (*pairs, *(function.__kwdefaults__ or {}).items()):
            if id(value) in originals:
                found.add(Stale(where, name, label(value), "default"))

    modules: dict[str, Any] = sys.modules  # Any: None for a blocked import, or any object
    for module_name, module in list(modules.items()):
        if isinstance(module, ModuleType) and not _is_ours(module_name):
            # Not vars(): a lazy module would load itself.
            look(module_name, "", ModuleType.__getattribute__(module, "__dict__"))
    for record in originals.values():
        children: list[type] = getattr(record.original, "__subclasses__", list)()
        for child in children:
            place = f"{child.__module__}:{child.__qualname__}"
            if (
                id(child) not in originals
                and id(child) not in greens
                and place not in fine
                and not _is_ours(child.__module__)
            ):
                name = label(record.original)
                found.add(Stale(child.__module__, child.__qualname__, name, "subclass"))
    return tuple(sorted(found, key=str))


def _is_ours(module: str) -> bool:
    return module == "greenbridge" or module.startswith("greenbridge.")


def _name_of_original(value: object) -> tuple[str, bool] | None:
    for record in patched():
        if record.original is value:
            return f"{record.module}.{record.name}", True
    for table in load_tables():
        module = sys.modules.get(table.module)
        for name in table.replace if module is not None else ():
            if "." not in name and vars(module).get(name) is value:
                return f"{table.module}.{name}", False
    return None


namers.append(_name_of_original)
