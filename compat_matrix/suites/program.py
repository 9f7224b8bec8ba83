"""``python -m compat_matrix suites``: run public suites plain and under greenbridge, and compare.

The exit code is 0 if every suite that was run has the results of plain Python, but for what the
table allows, else 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import environments
from ..rows import LOOPS, PYTHONS, MatrixError
from ..services import SERVICES, AbsentError, running
from . import recorded
from .comparing import compare
from .running import Record, Run
from .sources import brought
from .table import Suite, Table, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

__all__ = ("main",)

#: So many problems of a run are shown; a suite that does not start has hundreds.
_SHOWN = 40
_VERSIONS = (
    "import importlib.metadata as m, json, platform; "
    "print(json.dumps({'python': platform.python_version(), **{d.metadata['Name']: d.version "
    "for d in m.distributions() if d.metadata['Name'] in %r}}))"
)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m compat_matrix suites",
        description="Run public test suites plain and under greenbridge, and compare.",
    )
    add = parser.add_argument
    add("--only", default="", help="suites, separated by commas")
    add("--python", default="3.11", help="separated by commas; 3.11 if nothing is said")
    add("--loop", choices=LOOPS, default=LOOPS[0], help="the hub's loop; uvloop if nothing is said")
    add("--list", action="store_true", help="show the suites and stop")
    add("--dry", action="store_true", help="do not write suites.json")
    add("--logs", type=Path, help="keep logs and work in this folder")
    add("tests", nargs="*", help="ids of tests to run instead of all; implies --dry")
    options = parser.parse_args(argv)
    options.pythons = [python for python in options.python.split(",") if python]
    if unknown := sorted(set(options.pythons) - set(PYTHONS)):
        parser.error(f"--python {', '.join(unknown)}: there are {', '.join(PYTHONS)}")
    return options


def chosen(table: Table, only: frozenset[str]) -> list[Suite]:
    """The suites that are asked for; all if none is.

    Raises:
        MatrixError: a name that no suite has.
    """
    if unknown := sorted(only - {suite.name for suite in table.suites}):
        raise MatrixError(f"no suite is called {', '.join(unknown)}")
    return [suite for suite in table.suites if not only or suite.name in only]


class Session:
    """The servers and Pythons of one run of the program; a context manager."""

    def __init__(self, table: Table, options: argparse.Namespace) -> None:
        self._table = table
        self._options = options
        self._stack = ExitStack()
        self._servers: dict[str, dict[str, Any]] = {}
        self._folder: Path = options.logs or environments.cache() / "suites" / "runs"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, suite: Suite, python: str) -> bool:
        """Run a suite on one Python in all its worlds; whether the table allows what was seen.

        Raises:
            AbsentError: it cannot be run here.
        """
        base, environment = self._environment(suite, python)
        source = brought(suite, base)
        server = self._server(suite.server)
        left_out = self._table.left_out_of(suite.name)
        versions = _versions(environment.python, suite)

        def run(world: str, without: tuple[str, ...], known: tuple[str, ...] = ()) -> Record:
            return Run(
                suite=suite,
                world=world,
                python=environment.python,
                source=source,
                folder=self._folder / f"{suite.name}-{python}",
                loop=self._options.loop,
                without=without,
                server=server,
                select=tuple(self._options.tests),
            )(known)

        plain = run("plain", left_out)
        _line(suite, python, "plain", plain)
        good = True
        for world in suite.worlds:
            rows = self._table.differences_of(suite.name, world, python, self._options.loop)
            hangs = tuple(row.test for row in rows if row.action == "hangs")
            green = run(world, (*left_out, *hangs), tuple(plain.outcomes))
            problems = compare(plain, green, rows) if not self._options.tests else []
            if world == "patched" and not green.proof.get("patched") and not green.broken:
                problems.append("nothing was patched")
            _line(suite, python, world, green, problems)
            good = good and not problems
            if not (self._options.dry or self._options.tests or plain.broken):
                seen = recorded.load()
                key = recorded.key_of(suite, python, world, self._options.loop)
                seen[key] = recorded.entry(suite, plain, green, versions, problems)
                recorded.save(seen)
        return good

    def _environment(self, suite: Suite, python: str) -> tuple[list[str], environments.Environment]:
        found, missing = environments.find([python])
        if not found:
            raise AbsentError(f"Python {python}: {missing[python]}")
        base = found[python]
        folder = environments.cache() / "suites" / f"{base.folder.name}-{suite.name}"
        environment = environments.Environment(folder, base.base, base.prefix)
        library = suite.libraries or (f"{suite.name}=={suite.version}",)
        if wrong := environment.make() or environment.install((*library, *suite.requires)):
            raise AbsentError(f"the environment of {suite.name}: {wrong}")
        return [*base.prefix, *base.base], environment

    def _server(self, name: str) -> dict[str, Any] | None:
        if name and name not in self._servers:
            requires = SERVICES[name].requires
            python = environments.servers_python(requires).python if requires else [sys.executable]
            self._folder.mkdir(parents=True, exist_ok=True)
            opened = running(name, python, self._folder, late=False)
            self._servers[name] = self._stack.enter_context(opened)
        return self._servers.get(name)


def _versions(python: list[str], suite: Suite) -> dict[str, str]:
    names = {suite.name, "greenbridge", "greenlet", "uvloop", "pytest"}
    done = subprocess.run(
        [*python, "-c", _VERSIONS % (names,)], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _line(
    suite: Suite, python: str, world: str, record: Record, problems: Sequence[str] = ()
) -> None:
    counts = ", ".join(f"{n} {name}" for name, n in record.counts().items())
    mark = "!" if problems else " "
    waits = f", {record.proof['waits']} waits" if record.proof.get("waits") else ""
    print(
        f"{mark} {suite.name:<16} {python:<5} {world:<10} {record.seconds:6.1f} s  {counts}{waits}"
        f"{'; ' + record.broken if record.broken else ''}",
        flush=True,
    )
    for problem in problems[:_SHOWN]:
        print(f"    {problem}", flush=True)
    if len(problems) > _SHOWN:
        print(f"    and {len(problems) - _SHOWN} more", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    options = _options(argv)
    try:
        table = load()
        suites = chosen(table, frozenset(filter(None, options.only.split(","))))
    except MatrixError as error:
        print(f"python -m compat_matrix suites: {error}", file=sys.stderr)
        return 2
    if options.list:
        for suite in suites:
            print(f"{suite.name} {suite.version}: {', '.join(('plain', *suite.worlds))}")
        return 0
    good = True
    with Session(table, options) as session:
        for suite in suites:
            for python in options.pythons:
                if python not in suite.pythons:
                    continue
                try:
                    good = session.run(suite, python) and good
                except (AbsentError, RuntimeError) as error:
                    print(f"  {suite.name:<16} {python:<5} not run: {error}", flush=True)
    return 0 if good else 1
