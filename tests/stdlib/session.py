"""One invocation of ``python -m tests.stdlib``: which runs a suite needs, and what they came to."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .baseline import Baseline, Identity
from .comparing import Problem, compare, plain_problems, proof_problems
from .needed import needed
from .running import Record, Runner
from .table import Table, load

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from .suites import Suite

__all__ = ("LOOPS", "Result", "Session")

LOOPS: Final = ("uvloop", "asyncio")


@dataclass(slots=True)
class Result:
    """What one suite did."""

    suite: Suite
    plain: Record
    green: Record | None
    problems: list[Problem]
    #: The problems of the first time, if there was a second.
    first_time: list[Problem] = field(default_factory=list)


class Session:
    """A Python, its table, and how to run suites with it."""

    def __init__(self, options: argparse.Namespace, identity: Identity, logs: Path) -> None:
        self.options = options
        self.identity = identity
        self.table: Table = load(identity.python)
        self.baseline = Baseline(options.baseline, identity)
        python = tuple(shlex.split(options.python))
        commands: dict[str, tuple[str, ...]] = {"plain": ()}
        for loop in LOOPS:
            only = ("--only", options.patches) if options.patches else ()
            commands[loop] = ("-m", "greenbridge", "--loop", loop, *only)
        self._runners = {
            name: Runner(
                python,
                before,
                _made(logs / name),
                options.time_limit,
                identity.resources,
                options.inside,
            )
            for name, before in commands.items()
        }

    def run(self, suite: Suite) -> Result:
        """Run one suite greenly, and plainly as far as that is not known and has to be."""
        match = tuple(self.options.match)
        if self.options.plain:
            plain = self._whole_plain(suite)
            return Result(suite, plain, None, plain_problems(plain, self.table))
        return self._compared(suite, match)

    def again(self, result: Result) -> Result:
        """Run what had problems once more: a busy machine misses a deadline now and then."""
        tests = {problem.test for problem in result.problems}
        alone = tests <= {*result.plain.outcomes, *(result.green or result.plain).outcomes}
        alone = alone and not any(" " in test for test in tests)
        second = self._compared(result.suite, tuple(sorted(tests)) if alone else ())
        second.first_time = result.problems
        return second

    def _compared(self, suite: Suite, match: tuple[str, ...]) -> Result:
        hanging = () if match else self.table.hanging(suite.name)
        runner = self._runners[suite.loop or self.options.loop]
        green = runner.run(suite, self.table.ignored(), match, hanging)
        plain = self._plain(suite, green, match)
        problems = plain_problems(plain, self.table)
        problems += compare(green, plain, self.table, whole=not match)
        # A few tests may well wait for nothing.
        problems += [] if match else proof_problems(green, suite)
        return Result(suite, plain, green, problems)

    def _plain(self, suite: Suite, green: Record, match: tuple[str, ...]) -> Record:
        """What plain Python does, as far as it matters; see needed.py."""
        runner, ignored = self._runners["plain"], self.table.ignored()
        kept = self.baseline.get(suite.name, runner.options(suite, ignored))
        if self.options.refresh or (self.options.whole_plain and kept is None):
            kept = self._whole_plain(suite)
        if kept is not None:
            if match:
                kept.outcomes = {
                    name: how for name, how in kept.outcomes.items() if name in green.outcomes
                }
            return kept
        try:
            cases = runner.cases(suite, ignored, match)
        except RuntimeError as error:
            record = Record(suite.name)
            record.add(f"{suite.name} (process)", "crashed", str(error))
            return record
        tests = needed(green, cases, self.table)
        record = runner.run(suite, ignored, tests) if tests else Record(suite.name)
        record.cases = cases
        return record

    def _whole_plain(self, suite: Suite) -> Record:
        runner, ignored = self._runners["plain"], self.table.ignored()
        record = runner.run(suite, ignored)
        if f"{suite.name} (process)" not in record.outcomes:  # nothing to compare with, next time
            self.baseline.put(record, runner.options(suite, ignored))
        return record


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
