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
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, final

from . import _originals
from ._errors import PatchConflictError
from ._patch_libraries import arm, disarm
from ._patch_plan import (
    ABSENT,
    Step,
    binding_like,
    named,
    owner,
    plain,
    resolve,
    visible,
)
from ._patch_table import Keep as Keep
from ._patch_table import Library as Library
from ._patch_table import Patch as Patch
from ._patch_table import Table as Table
from ._patch_table import check_patches, fits, load_libraries, load_tables, ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType


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
    may_change: bool  # what others have put there since is left
    _holder: Any
    _prior: Any  # the raw value in the holder's __dict__, or ABSENT

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
        if self._prior is ABSENT:
            delattr(self._holder, attribute)
        else:
            setattr(self._holder, attribute, self._prior)


_live: dict[tuple[str, str], Record] = {}
_lock: Final = _originals.RLock()


# --- phase 2: setting -----------------------------------------------------------------


def _records(steps: Iterable[Step]) -> list[Record]:
    """What has to be set to take *steps*, compared with what stands there now."""
    plan: dict[tuple[str, str], Record] = {}
    for step in steps:
        key = (step.module, step.name)
        if key in _live:
            continue  # whoever set it undoes it
        attribute = step.name.rpartition(".")[2]
        raw = visible(step.holder, attribute)
        if step.alias_of:
            module, _, name = step.alias_of.partition(":")
            source = plan.get((module, name)) or _live[module, name]
            # An alias counts only where it still is the original: somebody else may
            # have put something of their own there, on purpose.
            if plain(raw) is not plain(source.original):
                continue
        green = binding_like(raw, step.holder, step.green)
        if green is raw:
            continue  # nothing is different here
        known = plan.get(key)
        if known is not None:
            if plain(known.green) is step.green:
                continue
            raise ValueError(f"two patch rows claim {step.module}.{step.name}: {step.alias_of}")
        prior = vars(step.holder).get(attribute, ABSENT)
        plan[key] = Record(
            module=step.module,
            name=step.name,
            original=None if raw is ABSENT else raw,
            green=green,
            patch=step.patch,
            alias_of=step.alias_of,
            added=raw is ABSENT,
            may_change=step.may_change,
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
            if not record.is_in_place and not record.may_change:
                raise PatchConflictError(
                    f"{record.module}.{record.name} is now {record.now!r}, not {record.green!r} as "
                    "greenbridge left it: something patched it afterwards. Nothing was restored; "
                    "undo that patch first, then restore again."
                )
        for record in reversed(mine):
            if record.is_in_place:
                record._put_back()
            del _live[record.module, record.name]


# --- libraries ------------------------------------------------------------------------


class _Active:
    """A library that was asked for: waited for, or its rows are set and its hook is called."""

    __slots__ = ("_undo_hook", "done", "library", "records")

    def __init__(self, library: Library) -> None:
        self.library = library
        self.records: tuple[Record, ...] = ()
        self._undo_hook: Callable[[], object] | None = None
        self.done = False

    def imported(self) -> None:
        """Set the rows and call the hook. An import must not fail for it: what is wrong is told."""
        library = self.library
        rows = {
            name: replace(row, part=row.part or library.name)
            for name, row in library.replace.items()
            if fits(row, sys.version_info[:2], sys.platform)
        }
        try:
            steps = resolve(Table(library.module, rows), rows, sys.version_info[:2], _live)
            with _lock:
                records = _records(steps)
                _set(records)
            self.records = tuple(records)
            if library.hook:
                self._undo_hook = named(library.hook)()
            self.done = True
        except Exception as error:  # of any library, in any version
            warnings.warn(
                f"greenbridge could not make {library.name} cooperative, so its calls hold up the "
                f"loop: {error}. Tell us which version you have, or leave it out: "
                f"patch_all(exclude={{{library.name!r}}})",
                RuntimeWarning,
                stacklevel=2,
            )

    def release(self) -> None:
        """Undo the hook and do not wait for the library any more; the rows are undone before."""
        disarm(self.library.module, self.imported)
        undo, self._undo_hook = self._undo_hook, None
        _active.pop(self.library.name, None)
        if undo is not None:
            undo()


_active: Final[dict[str, _Active]] = {}


def _activate(libraries: Iterable[Library]) -> tuple[_Active, ...]:
    made = []
    for library in libraries:
        with _lock:
            if library.name in _active:
                continue  # whoever asked first undoes it
            active = _active[library.name] = _Active(library)
        arm(library.module, active.imported)
        made.append(active)
    return tuple(made)


# --- the public surface ---------------------------------------------------------------


@final
class Applied:
    """What one call to :func:`patch_all` or :func:`patch` has set, and how to undo it.

    A context manager: leaving the block restores. What an earlier call had set already
    belongs to that call's token.
    """

    __slots__ = ("_libraries", "records")

    def __init__(self, records: Iterable[Record], libraries: Iterable[_Active] = ()) -> None:
        self.records: tuple[Record, ...] = tuple(records)
        self._libraries = tuple(libraries)

    def restore(self) -> None:
        """Put the originals back, last set first. A second call does nothing.

        Objects that were made while patched stay what they are and keep working.

        Raises:
            PatchConflictError: somebody replaced one of the attributes in between;
                nothing is restored then.
        """
        _undo((*self.records, *(r for active in self._libraries for r in active.records)))
        for active in self._libraries:
            active.release()
        self.records = self._libraries = ()

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
    steps: list[Step] = []
    later: list[Library] = []
    for table in ordered(tables):
        chosen = {
            name: row
            for name, row in table.replace.items()
            if (only is None or table.name in only or row.part in only)
            and table.name not in exclude
            and row.part not in exclude
            and fits(row, python, platform)
        }
        if not table.lazy:
            steps += resolve(table, chosen, python, _live)
        elif chosen:
            later.append(Library(table.module, table.module, "a lazy table", chosen))
    with _lock:
        records = _records(steps)
        _set(records)
    return Applied(records, _activate(later))


def patch_all(
    *, only: Iterable[str] | None = None, exclude: Iterable[str] | None = None
) -> Applied:
    """Make the standard library cooperative; the ``Applied`` token undoes it.

    Safe at any time and from any thread, before a loop exists and while threads run. A
    second call sets only what is not set yet. A table's name stands for all of its rows,
    a part's name (``"dns"``) for its own; *exclude* wins over *only*. Libraries that wait
    in C (``"psycopg2"``) are made cooperative when they are imported.

    Args:
        only: names to apply, instead of all.
        exclude: names to leave out.

    Raises:
        UnknownPatchError: a name that no table has; nothing is changed.
        PatchConflictError: another library (gevent, eventlet) has patched a name already.
    """
    tables = load_tables()
    libraries = load_libraries()
    chosen, without = check_patches(only, exclude)
    applied = apply(tables, only=chosen, exclude=without)
    wanted = [
        library
        for library in libraries
        if without.isdisjoint((library.name, library.part))
        and (
            library.default
            if chosen is None
            else not chosen.isdisjoint((library.name, library.part))
        )
    ]
    return Applied(applied.records, (*applied._libraries, *_activate(wanted)))


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
    for active in tuple(_active.values()):
        active.release()


def library_state(name: str) -> bool | None:
    """Whether a library is patched now (True), when it is imported (False), or not at all."""
    active = _active.get(name)
    return None if active is None else active.done


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
    return getattr(owner(importlib.import_module(module), name, _live), name.rpartition(".")[2])


def is_module_patched(name: str) -> bool:
    """Whether anything in the stdlib module *name* is replaced by its table now."""
    with _lock:
        return any(r.module == name and not r.alias_of for r in _live.values())


def is_object_patched(module: str, name: str) -> bool:
    """Whether ``module.name`` is one of the attributes that are replaced now."""
    return (module, name) in _live
