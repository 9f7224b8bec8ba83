"""``python -m tests.stdlib``: run the suites, show every problem; exit status 1 if there is one."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .baseline import Baseline, Identity, default_folder, identify
from .comparing import Problem, compare, plain_problems, proof_problems
from .running import BAD, GOOD, Record, Runner, allow_signals
from .suites import GROUPS, Suite, chosen
from .table import Table, load
from .worlds import WORLDS

if TYPE_CHECKING:
    from collections.abc import Sequence


#: So many problems of a suite that say the same are shown; if it does not start, it has hundreds.
_ALIKE: Final = 6


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.stdlib",
        description="Run CPython's own test suites, from the installed Python, under greenbridge.",
        epilog="groups: " + "; ".join(f"{name}: {text}" for name, text in GROUPS.items()),
    )
    add = parser.add_argument
    add(
        "--python",
        default=sys.executable,
        help="the Python to test; may be a command with a prefix",
    )
    add("--only", default="", help="suites or groups, separated by commas")
    add("--match", action="append", default=[], help="only tests that match (regrtest's -m)")
    add("--plain", action="store_true", help="run plain Python only, and keep its results")
    add(
        "--refresh", action="store_true", help="run plain Python again even if its results are kept"
    )
    add("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    add("--inside", choices=WORLDS, default=WORLDS[0], help="where the tests' main thread runs")
    add("--patches", help="patch these modules only, separated by commas; to find a culprit")
    add("-j", "--jobs", type=int, default=2, help="suites at a time (default: 2)")
    add("--json", type=Path, help="write the whole result to this file")
    add("--baseline", type=Path, default=default_folder(), help="where plain results are kept")
    add("--logs", type=Path, help="keep the output of the suites in this folder")
    add("--time-limit", type=float, default=75.0, help="seconds for one test")
    options = parser.parse_args(argv)
    if options.jobs < 1:
        parser.error(f"-j {options.jobs}: at least one suite runs at a time")
    if not options.time_limit > 0:
        parser.error(f"--time-limit {options.time_limit}: a number of seconds above 0")
    options.only = frozenset(filter(None, options.only.split(",")))
    return options


class _Session:
    """One invocation: a Python, its table, and how to run suites with it."""

    def __init__(self, options: argparse.Namespace, identity: Identity, logs: Path) -> None:
        self.options = options
        self.identity = identity
        self.table: Table = load(identity.python)
        self.baseline = Baseline(options.baseline, identity)
        python = tuple(shlex.split(options.python))
        green = ["-m", "greenbridge", "--loop", options.loop]
        if options.patches:
            green += ["--only", options.patches]
        self._runners = {
            name: Runner(
                python,
                before,
                _made(logs / name),
                options.time_limit,
                identity.resources,
                options.inside,
            )
            for name, before in (("plain", ()), (options.loop, tuple(green)))
        }

    def run(self, suite: Suite) -> tuple[Suite, Record, Record | None, list[Problem]]:
        """Run one suite: plainly unless those results are kept, then greenly if wanted."""
        plain = self._plain(suite)
        problems = plain_problems(plain, self.table)
        if self.options.plain:
            return suite, plain, None, problems
        match = tuple(self.options.match)
        green = self._runners[self.options.loop].run(suite, self.table.ignored(), match)
        if match:
            plain.outcomes = {
                name: how for name, how in plain.outcomes.items() if name in green.outcomes
            }
        problems += compare(green, plain, self.table, whole=not match)
        problems += proof_problems(green, suite)
        return suite, plain, green, problems

    def _plain(self, suite: Suite) -> Record:
        runner, ignored = self._runners["plain"], self.table.ignored()
        options = runner.options(suite, ignored)
        fresh = self.options.refresh or self.options.plain
        kept = None if fresh else self.baseline.get(suite.name, options)
        if kept is not None:
            return kept
        record = runner.run(suite, ignored)
        if f"{suite.name} (process)" not in record.outcomes:  # nothing to compare with, next time
            self.baseline.put(record, options)
        return record


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _counts(record: Record | None) -> str:
    if record is None:
        return f"{'':>26}"
    good, bad = record.count(*GOOD), record.count(*BAD)
    return f"{good:>5} {record.count('skipped'):>5} {bad:>5} {record.total:>7.1f}s"


def _report(
    session: _Session, results: list[tuple[Suite, Record, Record | None, list[Problem]]]
) -> int:
    """Print what the lines so far did not say; returns how many problems there are."""
    _say()
    problems = 0
    for suite, plain, green, found in results:
        problems += len(found)
        alike: Counter[str] = Counter()
        for problem in found:
            alike[problem.text] += 1
            if alike[problem.text] > _ALIKE:
                continue
            _say(f"{problem.test}: {problem.text}")
            if problem.detail:
                _say("    " + problem.detail.replace("\n", "\n    "))
        for text, count in alike.items():
            if count > _ALIKE:
                _say(f"{suite.name}: {count - _ALIKE} more: {text}")
        if green is not None:
            for test, seconds in green.seconds.items():
                if seconds > 2.0 and seconds > 4 * plain.seconds.get(test, seconds):
                    _say(f"slow: {test}: {seconds:.1f} s, plain {plain.seconds[test]:.1f} s")
    waits = sum(
        max((proof["waits"] for proof in green.proofs), default=0)
        for _, _, green, _ in results
        if green is not None
    )
    rows = len(session.table.differences)
    _say(
        f"{problems} problems; {rows} known differences on {session.identity.version}; "
        f"{waits} green waits of the threads that ran the tests"
    )
    return problems


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit status."""
    options = _options(argv)
    try:
        identity = identify(tuple(shlex.split(options.python)))
        suites = chosen(identity.python, options.only)
    except (LookupError, ValueError) as error:
        sys.stderr.write(f"python -m tests.stdlib: {error.args[0]}\n")
        return 2
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stdlib-") as folder:
        session = _Session(options, identity, options.logs or Path(folder))
        _say(f"CPython {identity.version}, {'plain' if options.plain else options.loop}")
        _say(f"{'suite':<24}{'plain: ok skip   bad    time':<30}  green: ok skip   bad    time")
        results = []
        with allow_signals(), ThreadPoolExecutor(options.jobs) as pool:
            # The longest first, so that none is left to run alone at the end.
            suites.sort(key=lambda suite: -suite.limit)
            for suite, plain, green, found in pool.map(session.run, suites):
                results.append((suite, plain, green, found))
                mark = f"  {len(found)} problems" if found else ""
                _say(f"{suite.name:<24}{_counts(plain)}      {_counts(green)}{mark}")
        problems = _report(session, results)
        _say(f"{time.monotonic() - started:.0f} s in all")
    if options.json:
        options.json.write_text(json.dumps(_as_json(session, results), indent=1), encoding="utf-8")
    return 1 if problems else 0


def _as_json(
    session: _Session, results: list[tuple[Suite, Record, Record | None, list[Problem]]]
) -> dict[str, object]:
    return {
        "python": session.identity.version,
        "loop": session.options.loop,
        "inside": session.options.inside,
        "known_differences": [asdict(row) for row in session.table.differences],
        "suites": {
            suite.name: {
                "plain": asdict(plain),
                "green": asdict(green) if green is not None else None,
                "problems": [asdict(problem) for problem in found],
            }
            for suite, plain, green, found in results
        },
    }


if __name__ == "__main__":
    sys.exit(main())
