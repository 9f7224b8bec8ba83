"""The patching engine: reads tables, sets attributes, undoes it.

This is the only file in the library that sets an attribute on a module we do not
own. Tables (``greenbridge.patches``) are data, greens are ordinary functions and
classes; whatever can go wrong between the two goes wrong here, before the first
attribute is set.

Theory of operation. Applying has two phases. *Resolving* imports the stdlib modules
and the greens and turns each row into places: a module or class, an attribute name,
the value to put there. No lock is held, since an import may run any code and may take
import locks. *Setting* compares every place with what stands there now and then sets
all of them, or none. It runs under one native lock, imports nothing and never parks,
so it works while native threads run and while green code is parked.

A place is remembered with the holder object itself, not with its name: a module that
was dropped from ``sys.modules`` is put back in order all the same. In a class the raw
``__dict__`` value counts, and "was not there before" is a value of its own, so undoing
is exact. The way not taken is to replace whole modules in ``sys.modules``: that makes
two copies of a module, and ``isinstance`` and ``except`` clauses stop matching.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from types import FunctionType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from . import _originals
from ._errors import PatchConflictError
from ._patch_table import Keep as Keep
from ._patch_table import Patch as Patch
from ._patch_table import Table as Table
from ._patch_table import check_names, fits, load_tables, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ABSENT: Final = object()  # stands for "the name did not exist before"
_MUTABLE_CLASS: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: CPython Include/object.h
_IMMUTABLE_CLASS: Final = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE

# Packages that patch the same names. Taking over from one of them half-way would leave
# sockets of one hub waited for by the other.
_RIVALS: Final = ("eventlet", "gevent")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One attribute that is replaced now, with what it takes to put it back."""

    module: str
    name: str  # dotted inside a class: "PollSelector._selector_cls"
    original: Any  # what the name gave before; Any: a stdlib name can be anything
    green: Any
    patch: str  # the name to give to patch() and to only=/exclude=
    alias_of: str  # "module:name" of the row that caused this one; "" for the row itself
    added: bool  # the name did not exist before, not even inherited
    _holder: Any
    _prior: Any  # the raw value in the holder's __dict__, or _ABSENT

    @property
    def now(self) -> Any:
        """What stands in the place right now; None if it is gone."""
        return vars(self._holder).get(self.name.rpartition(".")[2])

    @property
    def is_in_place(self) -> bool:
        """Whether the green still stands where the engine put it."""
        return self.now is self.green

    def _put_back(self) -> None:
        attribute = self.name.rpartition(".")[2]
        if self._prior is _ABSENT:
            delattr(self._holder, attribute)
        else:
            setattr(self._holder, attribute, self._prior)


class _Step(NamedTuple):
    """A row that is resolved but not set: what the first phase hands to the second."""

    module: str
    name: str
    holder: Any
    green: Any
    patch: str
    alias_of: str


_live: dict[tuple[str, str], Record] = {}
_lock: Final = _originals.RLock()


# --- phase 1: resolving ---------------------------------------------------------------


def _owner(module: ModuleType, name: str) -> Any:
    """The module or class that holds the last part of *name*, as it was before patching."""
    holder: Any = module
    path = name.split(".")
    for depth, step in enumerate(path[:-1], 1):
        record = _live.get((module.__name__, ".".join(path[:depth])))
        holder = record.original if record is not None else getattr(holder, step)
    return holder


def _settable(module: str, name: str, holder: Any) -> Any:
    if isinstance(holder, type) and (
        holder.__flags__ & _IMMUTABLE_CLASS or not holder.__flags__ & _MUTABLE_CLASS
    ):
        raise TypeError(f"{module}.{name} cannot be set: {holder!r} is a C class")
    return holder


def _visible(holder: Any, attribute: str) -> Any:
    """What *attribute* is, without binding it: the raw value, inherited ones included."""
    for place in holder.__mro__ if isinstance(holder, type) else (holder,):
        if attribute in vars(place):
            return vars(place)[attribute]
    return _ABSENT


def _refuse_rival(where: str, value: Any) -> None:
    maker = str(getattr(value, "__module__", None) or "").partition(".")[0]
    if maker in _RIVALS:
        raise PatchConflictError(
            f"{where} is {value!r}: {maker} has patched it already, and a socket "
            f"can wait on one hub only. Remove {maker}'s monkey patching; greenbridge.patch_all() "
            "takes its place."
        )


def _resolve(table: Table, chosen: Mapping[str, Patch], python: tuple[int, int]) -> list[_Step]:
    steps: list[_Step] = []
    for name, row in chosen.items():
        where = f"{table.module}:{name}"
        loaded = importlib.import_module(table.module)
        holder = _settable(table.module, name, _owner(loaded, name))
        raw = _visible(holder, name.rpartition(".")[2])
        if raw is _ABSENT and not row.add:
            raise LookupError(
                f"the patch table of {table.module} replaces {table.module}.{name}, which Python "
                f"{python[0]}.{python[1]} does not have here; give the row since=, until= or "
                "platforms="
            )
        _refuse_rival(f"{table.module}.{name}", raw)
        owner, _, attribute = row.to.partition(":")
        green = getattr(importlib.import_module(owner), attribute)
        patch = row.part or table.module
        steps.append(_Step(table.module, name, holder, green, patch, ""))
        for place in row.also:
            module_name, _, alias = place.partition(":")
            module = sys.modules.get(module_name)
            if module is None:
                continue  # it will find the green when it is imported
            try:
                holder = _settable(module_name, alias, _owner(module, alias))
            except AttributeError:
                continue  # a class that this platform lacks, or an import that is under way
            steps.append(_Step(module_name, alias, holder, green, patch, where))
    return steps


# --- phase 2: setting -----------------------------------------------------------------


def _plain(raw: Any) -> Any:
    """The function in a staticmethod or classmethod object; anything else as it is."""
    return raw.__func__ if isinstance(raw, (staticmethod, classmethod)) else raw


def _binding_like(raw: Any, holder: Any, green: Any) -> Any:
    """*green* as it has to stand in a class so that it binds exactly as *raw* did.

    A built-in function in a class body does not bind: ``SelectSelector._select`` is
    called without ``self``. A Python function in its place would, so it is wrapped.
    """
    if isinstance(holder, type) and isinstance(green, FunctionType):
        if isinstance(raw, classmethod):
            return classmethod(green)
        if raw is not _ABSENT and (isinstance(raw, staticmethod) or not hasattr(raw, "__get__")):
            return staticmethod(green)
    return green


def _records(steps: Iterable[_Step]) -> list[Record]:
    """What has to be set to take *steps*, compared with what stands there now."""
    plan: dict[tuple[str, str], Record] = {}
    for step in steps:
        key = (step.module, step.name)
        if key in _live:
            continue  # whoever set it undoes it
        attribute = step.name.rpartition(".")[2]
        raw = _visible(step.holder, attribute)
        if step.alias_of:
            module, _, name = step.alias_of.partition(":")
            source = plan.get((module, name)) or _live[module, name]
            # An alias counts only where it still is the original: somebody else may
            # have put something of their own there, on purpose.
            if _plain(raw) is not _plain(source.original):
                continue
        green = _binding_like(raw, step.holder, step.green)
        known = plan.get(key)
        if known is not None:
            if _plain(known.green) is step.green:
                continue
            raise ValueError(f"two patch rows claim {step.module}.{step.name}: {step.alias_of}")
        prior = vars(step.holder).get(attribute, _ABSENT)
        plan[key] = Record(
            module=step.module,
            name=step.name,
            original=None if raw is _ABSENT else raw,
            green=green,
            patch=step.patch,
            alias_of=step.alias_of,
            added=raw is _ABSENT,
            _holder=step.holder,
            _prior=prior,
        )
    return list(plan.values())


def _set(records: Iterable[Record]) -> None:
    done: list[Record] = []
    try:
        for record in records:
            setattr(record._holder, record.name.rpartition(".")[2], record.green)
            done.append(record)
            _live[record.module, record.name] = record
    except BaseException:
        for record in reversed(done):
            record._put_back()
            del _live[record.module, record.name]
        raise


def _undo(records: Iterable[Record]) -> None:
    """Put every original back, last set first, or change nothing and raise."""
    with _lock:
        mine = [r for r in records if _live.get((r.module, r.name)) is r]
        for record in mine:
            if not record.is_in_place:
                raise PatchConflictError(
                    f"{record.module}.{record.name} is now {record.now!r}, not {record.green!r} as "
                    "greenbridge left it: something patched it afterwards. Nothing was restored; "
                    "undo that patch first, then restore again."
                )
        for record in reversed(mine):
            record._put_back()
            del _live[record.module, record.name]


# --- the public surface ---------------------------------------------------------------


@final
class Applied:
    """What one call to :func:`patch_all` or :func:`patch` has set, and how to undo it.

    A context manager: leaving the block restores. What an earlier call had set already
    belongs to that call's token.
    """

    __slots__ = ("records",)

    def __init__(self, records: Iterable[Record]) -> None:
        self.records: tuple[Record, ...] = tuple(records)

    def restore(self) -> None:
        """Put the originals back, last set first. A second call does nothing.

        Objects that were made while patched stay what they are and keep working.

        Raises:
            PatchConflictError: somebody replaced one of the attributes in between;
                nothing is restored then.
        """
        _undo(self.records)
        self.records = ()

    def __enter__(self) -> Applied:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.restore()

    def __repr__(self) -> str:
        names = sorted({record.patch for record in self.records})
        return f"<Applied {len(self.records)} attributes: {', '.join(names) or 'nothing new'}>"


def apply(
    tables: Iterable[Table],
    *,
    only: frozenset[str] | None = None,
    exclude: frozenset[str] = frozenset(),
    python: tuple[int, int] = sys.version_info[:2],
    platform: str = sys.platform,
) -> Applied:
    """Apply *tables*: plans all rows first, so a bad row leaves nothing half patched."""
    steps: list[_Step] = []
    for table in ordered(tables):
        chosen = {
            name: row
            for name, row in table.replace.items()
            if (only is None or table.module in only or row.part in only)
            and table.module not in exclude
            and row.part not in exclude
            and fits(row, python, platform)
        }
        steps += _resolve(table, chosen, python)
    with _lock:
        records = _records(steps)
        _set(records)
    return Applied(records)


def patch_all(
    *, only: Iterable[str] | None = None, exclude: Iterable[str] | None = None
) -> Applied:
    """Make the standard library cooperative; the ``Applied`` token undoes it.

    Safe at any time and from any thread, before a loop exists and while threads run. A
    second call sets only what is not set yet. A table's name stands for all of its rows,
    a part's name (``"dns"``) for its own; *exclude* wins over *only*.

    Args:
        only: names to apply, instead of all.
        exclude: names to leave out.

    Raises:
        UnknownPatchError: a name that no table has; nothing is changed.
        PatchConflictError: another library (gevent, eventlet) has patched a name already.
    """
    tables = load_tables()
    known = frozenset(t.module for t in tables).union(*(t.parts for t in tables))
    chosen = None if only is None else check_names("only", only, known)
    return apply(tables, only=chosen, exclude=check_names("exclude", exclude, known))


def patch(name: str) -> Applied:
    """Apply one table or part: ``patch("time")``. See :func:`patch_all`.

    Raises:
        UnknownPatchError: no table has this name; nothing is changed.
    """
    return patch_all(only=(name,))


def unpatch_all() -> None:
    """Put every original back, whichever call replaced it.

    Raises:
        PatchConflictError: somebody replaced one of the attributes in between;
            nothing is restored then.
    """
    with _lock:
        _undo(tuple(_live.values()))


def patched() -> tuple[Record, ...]:
    """What is patched right now, in the order it was set."""
    with _lock:
        return tuple(_live.values())


def original(module: str, name: str) -> Any:
    """The stdlib's own object, whether or not it is patched now.

    *name* may be dotted for what stands in a class: ``"SelectSelector._select"``.

    Raises:
        AttributeError: the module has (and had) no such name.
    """
    record = _live.get((module, name))
    if record is not None:
        if record.added:
            raise AttributeError(f"{module}.{name} did not exist before greenbridge added it")
        return record.original
    return getattr(_owner(importlib.import_module(module), name), name.rpartition(".")[2])


def is_module_patched(name: str) -> bool:
    """Whether anything in the stdlib module *name* is replaced by its table now."""
    with _lock:
        return any(r.module == name and not r.alias_of for r in _live.values())


def is_object_patched(module: str, name: str) -> bool:
    """Whether ``module.name`` is one of the attributes that are replaced now."""
    return (module, name) in _live
