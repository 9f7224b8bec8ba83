"""The first phase of patching: from rows to places, each a module or class, a name, and its green.

Imports the stdlib modules and the greens; sets nothing. See ``_patching``.
"""

from __future__ import annotations

import importlib
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ._errors import PatchConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from ._patch_table import Patch, Table

    #: What is patched now, by module and name; the values are Records.
    Live = Mapping[tuple[str, str], Any]

ABSENT: Final = object()  # stands for "the name did not exist before"
_MUTABLE_CLASS: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: CPython Include/object.h
_IMMUTABLE_CLASS: Final = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE

# Packages that patch the same names. Taking over from one of them half-way would leave
# sockets of one hub waited for by the other.
_RIVALS: Final = ("eventlet", "gevent")


class Step(NamedTuple):
    """A row that is resolved but not set: what the first phase hands to the second."""

    module: str
    name: str
    holder: Any
    green: Any
    patch: str
    alias_of: str
    may_change: bool


def owner(module: ModuleType, name: str, live: Live) -> Any:
    """The module or class that holds the last part of *name*, as it was before patching."""
    holder: Any = module
    path = name.split(".")
    for depth, step in enumerate(path[:-1], 1):
        record = live.get((module.__name__, ".".join(path[:depth])))
        holder = record.original if record is not None else getattr(holder, step)
    return holder


def _settable(module: str, name: str, holder: Any) -> Any:
    if isinstance(holder, type) and (
        holder.__flags__ & _IMMUTABLE_CLASS or not holder.__flags__ & _MUTABLE_CLASS
    ):
        raise TypeError(f"{module}.{name} cannot be set: {holder!r} is a C class")
    return holder


def visible(holder: Any, attribute: str) -> Any:
    """What *attribute* is, without binding it: the raw value, inherited ones included."""
    for place in holder.__mro__ if isinstance(holder, type) else (holder,):
        if attribute in vars(place):
            return vars(place)[attribute]
    return ABSENT


def named(where: str) -> Any:
    """The object that "package.module:attribute" names."""
    module, _, attribute = where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _refuse_rival(where: str, value: Any) -> None:
    maker = str(getattr(value, "__module__", None) or "").partition(".")[0]
    if maker in _RIVALS:
        raise PatchConflictError(
            f"{where} is {value!r}: {maker} has patched it already, and a socket "
            f"can wait on one hub only. Remove {maker}'s monkey patching; greenbridge.patch_all() "
            "takes its place."
        )


def resolve(
    table: Table, chosen: Mapping[str, Patch], python: tuple[int, int], live: Live
) -> list[Step]:
    """Where the rows *chosen* of *table* go, and what goes there.

    Raises:
        LookupError: this Python (or this version of the library) lacks one of the names.
        PatchConflictError: another library has patched one of them.
    """
    steps: list[Step] = []
    for name, row in chosen.items():
        where = f"{table.module}:{name}"
        loaded = importlib.import_module(table.module)
        holder = _settable(table.module, name, owner(loaded, name, live))
        raw = visible(holder, name.rpartition(".")[2])
        if raw is ABSENT and not row.add:
            raise LookupError(
                f"the patch table of {table.module} replaces {table.module}.{name}, which Python "
                f"{python[0]}.{python[1]} does not have here; give the row since=, until= or "
                "platforms="
            )
        _refuse_rival(f"{table.module}.{name}", raw)
        green = named(row.to)
        patch = row.part or table.name
        steps.append(Step(table.module, name, holder, green, patch, "", row.may_change))
        for place in row.also:
            module_name, _, alias = place.partition(":")
            module = sys.modules.get(module_name)
            if module is None:
                continue  # it will find the green when it is imported
            try:
                holder = _settable(module_name, alias, owner(module, alias, live))
            except AttributeError:
                continue  # a class that this platform lacks, or an import that is under way
            steps.append(Step(module_name, alias, holder, green, patch, where, row.may_change))
    return steps


def plain(raw: Any) -> Any:
    """The function in a staticmethod or classmethod object; anything else as it is."""
    return raw.__func__ if isinstance(raw, (staticmethod, classmethod)) else raw


def binding_like(raw: Any, holder: Any, green: Any) -> Any:
    """*green* as it has to stand in a class so that it binds exactly as *raw* did.

    A built-in function in a class body does not bind: ``SelectSelector._select`` is
    called without ``self``. A Python function in its place would, so it is wrapped.
    """
    if isinstance(holder, type) and isinstance(green, FunctionType):
        if isinstance(raw, classmethod):
            return classmethod(green)
        if raw is not ABSENT and (isinstance(raw, staticmethod) or not hasattr(raw, "__get__")):
            return staticmethod(green)
    return green
