"""Telling the engine when a library is imported. Sets nothing in it: that is the engine's.

A finder in front of ``sys.meta_path`` knows the modules that are waited for. For one of them it
asks the finders behind it, and has the loader that they found tell when the module has run. Only
then does the import end for whoever asked for it, so nobody sees the library without its rows.

https://docs.python.org/3/reference/import.html#the-meta-path
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ("arm", "disarm")

_waiting: Final[dict[str, list[Callable[[], None]]]] = {}


@final
class _Finder:
    """Finds nothing itself; see the top of the file."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    _tell_after(spec.loader, name)
                return spec
        return None


def _tell_after(loader: Any, name: str) -> None:
    """Have *loader*, which is made for one module, tell when that has run."""
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        if module.__name__ == name:  # the loader of an archive may serve others as well
            if vars(loader).get("exec_module") is exec_module:
                del loader.exec_module
            for then in _waiting.pop(name, ()):
                then()
            _stay_or_go()

    loader.exec_module = exec_module


_finder: Final = _Finder()


def _stay_or_go() -> None:
    there = _finder in sys.meta_path
    if _waiting and not there:
        sys.meta_path.insert(0, _finder)
    elif not _waiting and there:
        sys.meta_path.remove(_finder)


def arm(module: str, then: Callable[[], None]) -> None:
    """Call *then* when *module* has been imported; at once if it is already."""
    loaded = sys.modules.get(module)
    if loaded is not None and not getattr(loaded.__spec__, "_initializing", False):
        then()
        return
    _waiting.setdefault(module, []).append(then)
    _stay_or_go()


def disarm(module: str, then: Callable[[], None]) -> None:
    """Do not call *then* any more."""
    if then in (calls := _waiting.get(module, [])):
        calls.remove(then)
        if not calls:
            del _waiting[module]
    _stay_or_go()
