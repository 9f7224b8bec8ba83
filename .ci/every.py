"""The parts that run on every CPython: its environment, the unit suite and CPython's own suites.

And those that take long on one: the soaks, and the matrix of libraries.
"""

from __future__ import annotations

import platform
import re
import sys
from threading import Lock
from typing import TYPE_CHECKING

import plan
import pythons
from parts import ROOT, Failed, Job, NotRun, Part, tools

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

sys.path.insert(0, str(ROOT))
from tests.stdlib import suites

#: Groups of CPython's suites whose rows were seen to hold on every Python.
GROUPS = frozenset({"foundation", "processes", "threads"})
#: Suites of CPython that one Python runs at a time: they wait most of the time.
AT_A_TIME = 3
#: Minutes of the budget that everything but CPython's suites takes (measured).
OTHERS = 22.0
#: Seconds that one test may take where four suites run beside it.
TEST_LIMIT = 120
#: Rows of the compatibility matrix that every run shows; the whole of it is for a quiet machine.
MATRIX_ROWS = (
    "requests",
    "urllib.request over TLS",
    "PyMySQL",
    "pg8000",
    "redis-py",
    "websocket-client",
    "paho-mqtt",
    "Flask under gunicorn",
)
#: Tests of the repository's programs and sources, which no other Python changes: the README's
#: command runs them, and once is enough.
OF_THE_REPOSITORY = (
    "tests/benchmarks",
    "tests/stdlib",
    "tests/test_ci.py",
    "tests/test_compat_matrix.py",
    "tests/test_compat_suites.py",
    "tests/test_docs.py",
    "tests/test_layers.py",
    "tests/test_sourcecode.py",
    "tests/test_web_reliability.py",
    "tests/test_wheel.py",
)
_FINDING = Lock()


def soaks() -> list[Part]:
    """Nothing may be left behind, however long it goes on."""
    cancels = ("python", "-m", "tests.soak", "--cycles", "20000", "--loop")
    primitives = ("python", "-m", "tests.soak_sync", "--seconds", "60")
    return [
        Part("soak: cancels at random, uvloop", tools(*cancels, "uvloop"), 60, ("tools",)),
        Part("soak: cancels at random, asyncio", tools(*cancels, "asyncio"), 60, ("tools",)),
        Part("soak: every primitive in every world", tools(*primitives), 65, ("tools",)),
    ]


def compat_requirements() -> list[str]:
    """The extra ``compat``, from pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(r"^compat = \[.*?\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    return re.findall(r'^    "([^"]+)"', found[1], re.MULTILINE) if found else []


class OnePython:
    """The parts of one CPython."""

    def __init__(self, series: str, cache: Path) -> None:
        self.series = series
        self.cache = cache
        self.found: pythons.Interpreter | None = None

    @property
    def environment(self) -> str:
        return f"environment of {self.series}"

    def prepare(self, job: Job) -> None:
        """Find it, make its environment and install the project with what its tests need."""
        with _FINDING:  # two would fetch the same
            found, missing = pythons.find([self.series], self.cache / "newer-pythons")
        if self.series in missing:
            raise NotRun(missing[self.series])
        python = self.found = found[self.series]
        venv = str(job.work / f"venv-{self.series}")
        job.run(*python.prefix, python.executable, "-m", "venv", venv)
        pip = [*self.python(job), "-m", "pip", "install", "-q"]
        job.run(*pip, ".[test]")
        job.words = f"CPython {python.version}, {python.executable}" + self.compat(job, pip)

    def compat(self, job: Job, pip: list[str]) -> str:
        """Install what the tests of hosts run against, as far as there is any for this Python.

        Returns which there are not: the tests that need them skip, and say so.
        """
        try:
            job.run(*pip, "--only-binary=:all:", *compat_requirements())
            return ""
        except Failed:
            missing = []
        for requirement in compat_requirements():
            try:
                job.run(*pip, "--only-binary=:all:", requirement)
            except Failed:
                missing.append(requirement)
        return f"; not to be had for it: {', '.join(missing)}"

    def python(self, job: Job) -> list[str]:
        """The command of its environment's Python."""
        assert self.found is not None
        return [*self.found.prefix, str(job.work / f"venv-{self.series}" / "bin" / "python")]

    def unit(self, job: Job) -> None:
        assert self.found is not None
        cache = f"cache_dir={job.work / self.series}-pytest"  # they share one checkout
        command = [*self.python(job), "-m", "pytest", "-q", "-o", cache]
        command += [f"--ignore={path}" for path in OF_THE_REPOSITORY]
        job.run_twice(command, [*command, "--last-failed"])

    def stdlib(self, names: list[str]) -> Callable[[Job], None]:
        """An action: these of CPython's own suites."""

        def action(job: Job) -> None:
            assert self.found is not None
            if not self.found.has_tests:
                raise NotRun("its `test` package is not installed")
            # It tests the Python that runs it, which is inside of whatever the prefix enters.
            command = [*self.python(job), "-m", "tests.stdlib", "--again"]
            command += ["-j", str(AT_A_TIME), "--time-limit", str(TEST_LIMIT)]
            job.run(*command, "--only", ",".join(names))
            job.words = summary(job.log)

        return action


def summary(log: Path) -> str:
    """The line in which tests.stdlib counts, from the end of its output."""
    lines = log.read_text(errors="replace").splitlines()
    return next((line for line in reversed(lines) if " problems; " in line), "(no summary)")


def matrix(series: list[str], day: int, everything: bool) -> Part:
    """The compatibility matrix: on one Python a day, or on all."""
    chosen = series if everything else [series[day % len(series)]]
    options = ("--dry", "--answers", "--only", ",".join(MATRIX_ROWS))
    command = tools("python", "-m", "compat_matrix", *options, "--python", ",".join(chosen))
    name = f"compatibility matrix on {', '.join(chosen)}"
    return Part(name, command, 150 * len(chosen), ("tools",))


def python_parts(args: argparse.Namespace) -> tuple[list[Part], plan.Plan]:
    """Unit suite and CPython's own on every Python, the longest first."""
    series = pythons.supported()
    has = {s: suites.chosen((3, int(s.partition(".")[2])), GROUPS) for s in series}
    left = max(0.0, args.budget - OTHERS) * 60 * args.jobs * AT_A_TIME / 2
    planned = plan.make(has, left, args.day, args.all)
    made = soaks()
    prepare: list[Part] = []
    for s in series:
        one = OnePython(s, args.cache)
        # What has to be fetched first is begun first.
        cost = 60 if s in {"3.14", "3.15"} else 30
        prepare.append(Part(one.environment, one.prepare, cost))
        names = [suite.name for suite in planned.chosen[s]]
        cost_of_suites = planned.cost(s) / AT_A_TIME
        made.append(
            Part(f"CPython's suites on {s}", one.stdlib(names), cost_of_suites, (one.environment,))
        )
        if not platform.python_version().startswith(f"{s}."):  # the README's command has done it
            made.append(Part(f"unit tests on {s}", one.unit, 240, (one.environment,)))
    made.append(matrix(series, args.day, args.all))
    prepare.reverse()
    made.sort(key=lambda part: -part.cost)
    return prepare + made, planned
