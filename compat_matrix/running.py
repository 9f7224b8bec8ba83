"""Runs cells: one process each, with the servers and the packages that they need."""

from __future__ import annotations

import datetime
import json
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from . import environments, results
from .services import SERVICES, AbsentError, running

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from .rows import Cell

__all__ = ("Outcome", "Session")

#: Seconds after which a cell's process is killed: more than the worker allows itself.
_KILL: Final = 120.0
#: A machine that others use at the same time stalls now and then: what is only too slow or not
#: smooth is tried again, so often.
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one cell."""

    cell: Cell
    verdict: str  # works, limited, fails, or "not run"
    words: str  # why
    seen: dict[str, Any]

    @property
    def is_expected(self) -> bool:
        """Whether the row says so; what was not run says nothing."""
        return self.verdict in {"not run", self.cell.row.expect}


@final
class Session:
    """The servers and environments of one run; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._servers: dict[str, dict[str, Any] | str] = {}
        self._environments: dict[str, environments.Environment] = {}
        self._missing: dict[str, str] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, cell: Cell) -> Outcome:
        """Run one cell, with a second and third try for what is only slow."""
        try:
            environment = self._environment(cell)
            server = self._server(cell.row.server)
            beside = {name: self._server(name) for name in cell.row.beside}
        except AbsentError as error:
            return Outcome(cell, "not run", str(error), {})
        for left in reversed(range(_TRIES)):
            seen = self._measure(cell, environment, server, beside)
            problems = results.judge(cell, seen)
            verdict = results.verdict_of(cell, problems, seen)
            if verdict != "limited" or cell.row.expect == "limited" or not left:
                break
        seen["result"] = verdict
        seen["problems"] = problems
        seen["date"] = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        return Outcome(cell, verdict, "; ".join(problems), seen)

    def _environment(self, cell: Cell) -> environments.Environment:
        series = cell.python
        if series not in self._environments and series not in self._missing:
            found, missing = environments.find([series])
            if wrong := found[series].make() if found else missing[series]:
                self._missing[series] = wrong
            else:
                self._environments.update(found)
        if series in self._missing:
            raise AbsentError(f"Python {series}: {self._missing[series]}")
        environment = self._environments[series]
        if cell.row.requires and (wrong := environment.install(cell.row.requires)):
            raise AbsentError(f"{' '.join(cell.row.requires)} cannot be installed: {wrong}")
        return environment

    def _server(self, name: str) -> dict[str, Any] | None:
        if not name:
            return None
        if name not in self._servers:
            try:
                service = SERVICES[name]
                python = environments.servers_python(service.requires).python
                opened = running(name, python, self._folder)
                self._servers[name] = self._stack.enter_context(opened)
            except (AbsentError, RuntimeError) as error:
                self._servers[name] = str(error)
        server = self._servers[name]
        if isinstance(server, str):
            raise AbsentError(f"{name}: {server}")
        return server

    def _measure(
        self,
        cell: Cell,
        environment: environments.Environment,
        server: dict[str, Any] | None,
        beside: dict[str, Any],
    ) -> dict[str, Any]:
        job = {
            "scenario": cell.row.scenario,
            "mode": cell.row.mode,
            "loop": cell.loop,
            "server": server,
            "beside": beside,
            "at_once": cell.row.at_once,
            "distributions": ["greenbridge", *(_distribution(r) for r in cell.row.requires)],
        }
        log = self._folder / f"{cell.key.replace(' / ', '-').replace('/', '_')}.log"
        command = [*environment.python, "-m", "compat_matrix.worker", json.dumps(job)]
        with log.open("wb") as stderr:
            try:
                done = subprocess.run(
                    command,
                    cwd=environments.ROOT,
                    env=environments.variables(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    timeout=_KILL,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return {"answer": False, "error": f"took longer than {_KILL:.0f} s"}
        lines = done.stdout.decode(errors="replace").splitlines()
        try:
            seen: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError):
            words = log.read_text(errors="replace").strip().splitlines()[-1:]
            said = f": {words[0]}" if words else ""
            return {"answer": False, "error": f"the process ended with {done.returncode}{said}"}
        return seen


def _distribution(requirement: str) -> str:
    for end, letter in enumerate(requirement):
        if letter in "<>=!~[; ":
            return requirement[:end]
    return requirement
