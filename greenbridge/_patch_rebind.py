"""``rebind``: for programs that are patched late, the names that modules had bound before."""

from __future__ import annotations

import sys
from typing import Any, Final

from ._patch_report import Stale, stale
from ._patching import Applied, Record, _lock, _set, patched

__all__ = ("rebind",)

#: Packages that must go on with the originals: they run the loop, or real threads beside it.
_KEPT: Final = frozenset({"anyio", "eventlet", "gevent", "greenbridge", "greenlet", "uvloop"})


def rebind(*packages: str) -> Applied:
    """Put the stand-ins where modules still hold originals that they imported before patching.

    ``from time import sleep`` binds what is there at that moment; :func:`stale` shows such names.
    This replaces those that stand in a module. What stands in classes, in defaults of functions and
    in objects that exist already stays: patch before these are made, if you can.

    Args:
        packages: names of packages; without any, all modules that are not the stdlib's, without
            those that run event loops.

    Returns:
        A token that undoes it.

    Raises:
        LookupError: a package that is not imported; nothing is changed.
    """
    loaded = {name.partition(".")[0] for name in sys.modules}
    if missing := sorted(set(packages) - loaded):
        raise LookupError(
            f"rebind() was asked for {', '.join(missing)}, which is not imported. A package that "
            "is imported after patch_all() needs no rebind(): leave it out"
        )
    with _lock:
        records = [record for row in stale() if (record := _record(row, packages)) is not None]
        _set(records)
    return Applied(records)


def _record(row: Stale, packages: tuple[str, ...]) -> Record | None:
    module = sys.modules.get(row.holder)
    package = row.holder.partition(".")[0]
    if row.how != "name" or module is None:
        return None
    if packages:
        if package not in packages:
            return None
    elif package in sys.stdlib_module_names or package in _KEPT:
        return None
    source = next(r for r in patched() if f"{r.module}.{r.name}" == row.original)
    current: Any = vars(module)[row.name]
    return Record(
        module=row.holder,
        name=row.name,
        original=current,
        green=source.green,
        patch=source.patch,
        alias_of=f"{source.module}:{source.name}",
        added=False,
        may_change=False,
        _holder=module,
        _prior=current,
    )
