"""What an audit has found: holds by place, and names that still reach an original."""

from __future__ import annotations

import ast
import linecache
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, final

from ._strict import on_every_loop
from ._watch import Watch, finish

if TYPE_CHECKING:
    import asyncio

    from ._holds import Hold


@final
@dataclass(slots=True)
class Finding:
    """Every hold of one place."""

    hold: Hold  # the longest one
    count: int = 1
    total: float = 0.0  # seconds


@final
@dataclass(frozen=True, slots=True)
class Unpatched:
    """A name that was bound before patching, and where."""

    name: str  # "shop.pause"
    original: str  # "time.sleep"
    file: str
    line: int
    code: str  # the source of that line
    text: str


@final
@dataclass(slots=True)
class Findings:
    """Watches every loop that runs from now on, and counts."""

    limit: float
    found: dict[tuple[str, int, str], Finding] = field(default_factory=dict)
    watches: list[Watch] = field(default_factory=list)

    def begin(self) -> None:
        """Watch loops from now on."""
        on_every_loop(self._watch)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop.is_closed() or any(watch.loop is loop for watch in self.watches):
            return
        watch = Watch(loop, self.limit, self._add)
        self.watches.append(watch)
        watch.start()

    def _add(self, hold: Hold) -> None:
        known = self.found.get(hold.where)
        if known is None:
            self.found[hold.where] = Finding(hold, total=hold.seconds)
            return
        known.count += 1
        known.total += hold.seconds
        if hold.seconds > known.hold.seconds:
            known.hold = hold

    def end(self) -> None:
        """Judge what still lasts, and watch no longer."""
        for watch in self.watches:
            finish(watch)

    @property
    def busy(self) -> int:
        """How often a loop turned too slowly for its many short steps."""
        return sum(watch.busy for watch in self.watches)

    def by_length(self) -> list[Finding]:
        """The findings, those first that cost most."""
        return sorted(self.found.values(), key=lambda finding: -finding.total)


#: Modules that have to go on with the originals, or that are ours.
_FINE: Final = frozenset({"anyio", "greenbridge", "greenlet", "uvloop"})


def unpatched(stale: tuple[Any, ...]) -> list[Unpatched]:
    """Those of ``stale()`` that are the program's own affair, with the line that binds each."""
    found = []
    for row in stale:
        package = row.holder.partition(".")[0]
        if package in _FINE or package in sys.stdlib_module_names - {"__main__"}:
            continue
        file, line = _binding(row.holder, row.name, row.original)
        found.append(
            Unpatched(
                f"{row.holder}.{row.name}",
                row.original,
                file,
                line,
                linecache.getline(file, line).strip() if line else "",
                str(row),
            )
        )
    return found


def _binding(holder: str, name: str, original: str) -> tuple[str, int]:
    """The file of the module, and the line in it that binds *name*; 0 if it is not found."""
    module = next(
        (sys.modules[part] for part in _prefixes(holder) if part in sys.modules),
        None,
    )
    file = getattr(module, "__file__", None) or ""
    if not file.endswith(".py"):
        return file, 0
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return file, 0
    leaf = original.rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, (ast.ImportFrom, ast.Import)):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return file, node.lineno
        elif isinstance(node, ast.Assign):
            if any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                return file, node.lineno
        elif isinstance(node, ast.FunctionDef):
            arguments = node.args
            names = [a.arg for a in (*arguments.args, *arguments.kwonlyargs)]
            if holder.endswith(f".{node.name}") and name in names:
                return file, node.lineno
        elif (
            isinstance(node, ast.ClassDef)
            and node.name == name.rpartition(".")[2]
            and any(leaf in ast.unparse(base) for base in node.bases)
        ):
            return file, node.lineno
    return file, 0


def _prefixes(dotted: str) -> list[str]:
    parts = dotted.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
