"""The patch tables against the Python that runs the tests: nothing forgotten, nothing stale."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge.patches
from greenbridge import _originals
from greenbridge._patch_table import Keep, Patch, Table, fits, load_libraries, load_tables

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = {table.module: table for table in load_tables()}

# C functions that do not tell their signature, on 3.10 at least: as the documentation has it.
DOCUMENTED: dict[str, str] = {
    "_thread.LockType": "()",
    # Before 3.15 the C code takes anything, and ignores it.
    "_thread.RLock": "(*_args, **_kwargs)" if sys.version_info < (3, 15) else "()",
    "_thread._count": "()",
    "_thread._get_name": "()",
    "_thread._set_sentinel": "()",
    "_thread._shutdown": "()",
    "_thread.allocate": "()",
    "_thread.allocate_lock": "()",
    "_thread.get_ident": "()",
    "_thread.lock": "()",
    "_thread.set_name": "(name)",
    "_thread.start_joinable_thread": "(function, handle=None, daemon=True)",
    "_thread.start_new": "(function, args, kwargs={}, /)",
    "_thread.start_new_thread": "(function, args, kwargs={}, /)",
    "select.epoll": "(sizehint=-1, flags=0)",
    "signal.set_wakeup_fd": "(fd, /, *, warn_on_full_buffer=True)",
    "socket.close": "(fd, /)",
    "socket.gethostbyaddr": "(ip_address, /)",
    "socket.gethostbyname": "(hostname, /)",
    "socket.gethostbyname_ex": "(hostname, /)",
    "socket.getnameinfo": "(sockaddr, flags, /)",
    "time.pthread_getcpuclockid": "(thread_id, /)",
    "time.sleep": "(seconds, /)",
}

# Aliases and holders that do not exist, or are another object, on some Pythons.
MOVED = {
    "asyncio.base_futures:get_ident",
    "asyncio.events:BaseDefaultEventLoopPolicy._Local",
    "asyncio.events:_BaseDefaultEventLoopPolicy._Local",
    "bz2:RLock",
    "threading:Lock",
    "threading:_LockType",
    "threading:_start_new_thread",
    "threading:_shutdown_locks_lock",
}

# Stand-ins for a class that are no subclass of it: "module.name" -> reason.
NO_SUBCLASS: dict[str, str] = {
    "_thread.LockType": "the type does not allow subclasses",
    "_thread.RLock": "its methods would be those of the C class where they are not replaced",
    "_thread.lock": "the type does not allow subclasses",
    "_threading_local.local": "a subclass of the C class, as threading.local is",
    "select.epoll": "the type does not allow subclasses",
}

# What takes the arguments of the __init__ that a subclass has, or of the original's __new__.
TAKES_ANYTHING = {
    "_multiprocessing.SemLock",
    "concurrent.futures.thread.ThreadPoolExecutor",
    "_thread._local",
    "_threading_local.local",
}

# Stand-ins for a class that have another name.
RENAMED = {"_thread.LockType", "_thread._local", "_thread.lock"}


def everything(table: Table) -> Iterator[tuple[str, Patch | Keep]]:
    """The rows of *table* for all Pythons."""
    yield from table.replace.items()
    yield from table.kept.items()


def rows(table: Table) -> Iterator[tuple[str, Patch | Keep]]:
    """The rows of *table* that are for this Python and platform."""
    for name, row in everything(table):
        if fits(row, sys.version_info[:2], sys.platform):
            yield name, row


def find(module: str, name: str) -> Any:
    """What stands under a dotted *name*."""
    found: Any = importlib.import_module(module)
    for step in name.split("."):
        found = getattr(found, step)
    return found


def original_of(module: str, name: str) -> Any:
    """What a row replaces; a row that adds a name to a module shadows a built-in one."""
    try:
        return find(module, name)
    except AttributeError:
        return getattr(builtins, name)


def replaced() -> list[Any]:
    """Every row that replaces something here, as (module, name, row)."""
    return [
        pytest.param(table.module, name, row, id=f"{table.module}.{name}")
        for table in TABLES.values()
        for name, row in rows(table)
        if isinstance(row, Patch)
    ]


def test_the_list_of_tables_is_the_folder() -> None:
    assert list(greenbridge.patches.NAMES) == sorted(greenbridge.patches.NAMES)
    found = {m.name for m in pkgutil.iter_modules(greenbridge.patches.__path__)}
    assert {*greenbridge.patches.NAMES, "drivers", "libraries"} == found


@pytest.mark.parametrize("module", TABLES)
def test_every_public_callable_is_replaced_or_kept(module: str) -> None:
    public = vars(importlib.import_module(module))
    callables = {n for n, value in public.items() if not n.startswith("_") and callable(value)}
    assert callables - {name for name, _ in rows(TABLES[module])} == set()


@pytest.mark.parametrize("module", TABLES)
def test_every_row_is_about_a_name_that_exists(module: str) -> None:
    table = TABLES[module]
    for name, row in rows(table):
        if not (isinstance(row, Patch) and row.add):
            assert find(module, name) is not None, f"{module}.{name} is stale"
    for place, reason in table.holders.items():
        here = isinstance(reason, str) or fits(reason, sys.version_info[:2], sys.platform)
        if here and place not in MOVED:
            find(*place.split(":"))


@pytest.mark.parametrize("module", TABLES)
def test_rows_outside_their_bounds_are_about_names_that_do_not_exist(module: str) -> None:
    table = TABLES[module]
    here = dict(rows(table))
    for name, row in everything(table):
        if name not in here and (row.since, row.until) != ((3, 10), (99, 0)):
            assert not hasattr(importlib.import_module(module), name), f"bounds of {module}.{name}"


@pytest.mark.parametrize("module", TABLES)
def test_a_table_is_complete_and_explained(module: str) -> None:
    table = TABLES[module]
    assert not set(table.replace) & set(table.kept), "a name is replaced or kept, not both"
    assert set(table.after) <= set(TABLES), "it waits for a table that does not exist"
    parts = {row.part for row in table.replace.values()}
    assert table.module not in parts, "a part has the name of its own table"
    for name, row in table.replace.items():
        assert row.note, f"{name} does not say what it changes"
        assert row.to.startswith("greenbridge.green."), f"{name} is replaced from elsewhere"
    for name, kept in table.keep.items():
        assert kept.reason, f"{name} is kept without a reason"
    for name, reason in table.holders.items():
        assert reason, f"{name} may hold an original without a reason"
    assert list(table.keep) == sorted(table.keep), "rows are sorted"
    for names in table.keep:
        assert names == " ".join(sorted(names.split())), "so are the names of a row"
    assert len(table.kept) == sum(len(names.split()) for names in table.keep), "one row a name"


@pytest.mark.parametrize("name", greenbridge.patches.NAMES)
def test_a_table_is_data(name: str) -> None:
    """A docstring, one import of the row types, one literal: no code."""
    tree = ast.parse((ROOT / "patches" / f"{name}.py").read_text(encoding="utf-8"))
    docstring, imported, table = tree.body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(imported, ast.ImportFrom)
    assert imported.module == "greenbridge._patching"
    assert isinstance(table, ast.Assign)
    for node in ast.walk(table):
        allowed = (
            ast.Assign, ast.Call, ast.Constant, ast.Dict, ast.Load, ast.Name, ast.Store,
            ast.Tuple, ast.keyword,
        )  # fmt: skip
        assert isinstance(node, allowed), ast.dump(node)
        if isinstance(node, ast.Name):
            assert node.id in {"Keep", "Patch", "TABLE", "Table"}


def test_the_rows_of_libraries_are_complete() -> None:
    libraries = load_libraries()
    names = [library.name for library in libraries]
    assert len(names) == len(set(names))
    assert not set(names) & {*TABLES, *(part for t in TABLES.values() for part in t.parts)}
    for library in libraries:
        assert library.note, f"{library.name} does not say what is different"
        assert library.replace or library.hook, f"nothing is done to {library.name}"
        for where in (library.hook, *(row.to for row in library.replace.values())):
            module, _, _ = where.partition(":")
            assert not where or importlib.util.find_spec(module), f"there is no {where}"


@pytest.mark.parametrize(("module", "name", "row"), replaced())
def test_the_aliases_of_a_row_hold_its_original(module: str, name: str, row: Patch) -> None:
    """On this Python: a row may name places that others have, or where they have another object."""
    original = original_of(module, name)
    for place in row.also:
        try:
            found = find(*place.split(":"))
        except AttributeError:
            assert place in MOVED, f"{place} does not exist"
            continue
        found = getattr(found, "__func__", found)
        assert found is original or place in MOVED, f"{place} is not {module}.{name}"


@pytest.mark.parametrize(("module", "name", "row"), replaced())
def test_a_stand_in_has_the_signature_of_its_original(module: str, name: str, row: Patch) -> None:
    """Same names, kinds and defaults, so that every call that is legal there is legal here."""
    if f"{module}.{name}" in TAKES_ANYTHING:
        return
    green, original = find(*row.to.split(":")), original_of(module, name)
    if isinstance(original, type(_originals.allocate_lock())):
        assert callable(green.acquire)
        assert callable(green.release)
        return
    if not callable(original):  # a module, as another module sees it
        assert type(original) in type(green).__mro__
        return
    try:
        expected = shape(inspect.signature(original))
    except ValueError:  # a C function that does not tell
        expected = DOCUMENTED[f"{module}.{name}"]
    found = shape(inspect.signature(green))
    assert positional(found) == positional(expected)


def shape(signature: inspect.Signature) -> str:
    """*signature* without its annotations."""
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    # A default that is a function is the original there and its stand-in here.
    bare = [p.replace(default=...) if inspect.isroutine(p.default) else p for p in bare]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def positional(signature: str) -> str:
    """*signature* without the names of positional-only parameters, which nobody can use."""
    before, slash, after = signature.rpartition(", /")
    return re.sub(r"[a-z_]+(?=[,=]|$)", "_", before) + slash + after


@pytest.mark.parametrize(("module", "name", "row"), replaced())
def test_a_stand_in_for_a_class_is_a_subclass(module: str, name: str, row: Patch) -> None:
    green, original = find(*row.to.split(":")), original_of(module, name)
    if isinstance(original, type):
        real = isinstance(green, type) and original in green.__mro__
        assert real != (f"{module}.{name}" in NO_SUBCLASS)
        if f"{module}.{name}" not in RENAMED:
            assert green.__name__ == green.__qualname__ == original.__qualname__
    else:
        assert callable(green) == callable(original)


def test_the_exceptions_are_about_rows_that_exist() -> None:
    names = {f"{t.module}.{name}" for t in TABLES.values() for name in t.replace}
    assert set(DOCUMENTED) <= names
    assert set(NO_SUBCLASS) | RENAMED | TAKES_ANYTHING <= names


def test_the_documentation_page_is_rendered_from_the_tables() -> None:
    program = ROOT / "docs" / "render_patches.py"
    done = subprocess.run(
        [sys.executable, program, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
