"""Imports point down only. One list is the architecture (docs/design.md); this is its guard."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from tests.source import PACKAGE, files, module_name, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Lowest first. A module imports from lower layers, and inside its own only without a cycle.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"_originals", "_errors", "_frames", "_main"}),
    frozenset(
        {
            "_amid",
            "_await",
            "_calls",
            "_carriers",
            "_delivery",
            "_described",
            "_forking",
            "_hub",
            "_hubs",
            "_interrupts",
            "_loops",
            "_owners",
            "_portal",
            "_relay",
            "_report",
            "_spawn",
            "_tasks",
            "_teardown",
            "_threads",
            "_threadstate",
            "_timers",
        }
    ),
    frozenset(
        {
            "_audit",
            "_borrowed",
            "_bridges",
            "_fds",
            "_green_tasks",
            "_groups",
            "_idents",
            "_offload",
            "_offloaded",
            "_program",
            "_runner",
            "_sync",
            "_taskgroup",
            "_timeouts",
            "_turns",
            "_waiting",
        }
    ),
    frozenset({"_drivers", "green"}),
    frozenset(
        {
            "_nest",
            "_patch_libraries",
            "_patch_plan",
            "_patch_rebind",
            "_patch_report",
            "_patch_table",
            "_patching",
        }
    ),
    frozenset({"patches"}),
    frozenset({"servers"}),
    frozenset({"asgi", "gunicorn"}),
    frozenset(
        {"__init__", "__main__", "_cli", "_demo", "auto", "celery", "native", "requests", "testing"}
    ),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
#: Where greenlets are switched, and nowhere else: whoever checks the mechanism reads these.
SWITCHING = LAYERS[1] | {"_waiting"}


def room(module: str) -> str:
    """Give the part of an import name that LAYERS speaks of: the first one below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without its `if TYPE_CHECKING:` blocks: those import nothing when it runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from runtime_nodes(child)


def imported(path: Path) -> set[str]:
    """Name everything that a file imports, in functions too, as absolute dotted names."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found: set[str] = set()
    for node in runtime_nodes(parse(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return found


def own_rooms(path: Path) -> set[str]:
    """Name the rooms of the package that a file imports from, its own left out."""
    modules = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or p.is_dir()}
    rooms = set()
    for name in imported(path):
        if name.split(".")[0] == "greenbridge":
            # `from greenbridge import run` names an attribute of __init__, not a module
            rooms.add(room(name) if room(name) in modules else "__init__")
    return rooms - {room(module_name(path))}


def test_every_module_has_a_layer() -> None:
    rooms = {room(module_name(path)) for path in files(PACKAGE)}
    assert rooms <= set(RANK), f"give {sorted(rooms - set(RANK))} a place in LAYERS"


def test_every_layer_names_modules_that_exist() -> None:
    assert set(RANK) <= {room(module_name(path)) for path in files(PACKAGE)}


def test_imports_point_down() -> None:
    wrong = [
        f"{module_name(path)} imports {other}"
        for path in files(PACKAGE)
        for other in sorted(own_rooms(path))
        if RANK[other] > RANK[room(module_name(path))]
    ]
    assert not wrong, "imports must point down: " + "; ".join(wrong)


def test_no_import_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in files(PACKAGE):
        graph.setdefault(room(module_name(path)), set()).update(own_rooms(path))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = " -> ".join(error.args[1])
        raise AssertionError(f"these import each other: {cycle}") from None


def test_greenlets_are_switched_in_few_files() -> None:
    users = {
        room(module_name(path))
        for path in files(PACKAGE)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr == "switch"
    }
    assert users <= SWITCHING


def test_scheduling_needs_no_anyio() -> None:
    low = LAYERS[0] | LAYERS[1]
    users = [
        module_name(path)
        for path in files(PACKAGE)
        if room(module_name(path)) in low
        and any(name.split(".")[0] == "anyio" for name in imported(path))
    ]
    assert not users


def test_tables_import_nothing_but_their_row_types() -> None:
    users = {
        module_name(path): own_rooms(path) - {"_patch_table", "_patching"}
        for path in files(PACKAGE / "patches")
    }
    assert not {name: rooms for name, rooms in users.items() if rooms}
