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

from .baseline import default_folder, identify
from .running import BAD, GOOD, Record, allow_signals
from .session import LOOPS, Result, Session
from .suites import GROUPS, chosen
from .worlds import WORLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .comparing import Problem
    from .suites import Suite


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
    add(
        "--whole-plain",
        action="store_true",
        help="run all of plain Python and keep its results, not only what did not pass",
    )
    add(
        "--again",
        action="store_true",
        help="give what has problems a second chance: a busy machine misses a deadline",
    )
    add("--loop", choices=LOOPS, default=LOOPS[0])
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


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _counts(record: Record | None) -> str:
    if record is None:
        return f"{'':>26}"
    good, bad = record.count(*GOOD), record.count(*BAD)
    return f"{good:>5} {record.count('skipped'):>5} {bad:>5} {record.total:>7.1f}s"


def _report(session: Session, results: list[Result]) -> int:
    """Print what the lines so far did not say; returns how many problems there are."""
    _say()
    for result in results:
        _show(result.suite.name, result.problems)
        if result.first_time:
            _say(f"{result.suite.name}: the first time there was more, and not the second time:")
            _show(result.suite.name, [p for p in result.first_time if p not in result.problems])
        plain, green = result.plain, result.green
        for test, seconds in green.seconds.items() if green is not None else ():
            if seconds > 2.0 and seconds > 4 * plain.seconds.get(test, seconds):
                _say(f"slow: {test}: {seconds:.1f} s, plain {plain.seconds[test]:.1f} s")
    problems = sum(len(result.problems) for result in results)
    waits = sum(
        max((proof["waits"] for proof in result.green.proofs), default=0)
        for result in results
        if result.green is not None
    )
    rows = session.table.differences
    differ = sum(
        session.table.difference(test) is not None
        for result in results
        for test in (result.green or result.plain).outcomes
    )
    _say(
        f"{problems} problems; {len(rows)} known differences on {session.identity.version}, "
        f"{differ} tests of theirs were run; "
        f"{waits} green waits of the threads that ran the tests"
    )
    return problems


def _show(suite: str, found: list[Problem]) -> None:
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
            _say(f"{suite}: {count - _ALIKE} more: {text}")


def _run(session: Session, suites: list[Suite]) -> list[Result]:
    """Run the suites, several at a time; then what had problems once more, one at a time."""
    # The longest first, so that none is left to run alone at the end.
    suites.sort(key=lambda suite: -suite.cost)
    results = []
    with allow_signals(), ThreadPoolExecutor(session.options.jobs) as pool:
        for result in pool.map(session.run, suites):
            results.append(result)
            _line(result)
        if session.options.again:
            for number, result in enumerate(results):
                if result.problems:
                    results[number] = session.again(result)
                    _line(results[number], "; the second time")
    return results


def _line(result: Result, when: str = "") -> None:
    mark = f"  {len(result.problems)} problems" if result.problems or when else ""
    _say(f"{result.suite.name:<24}{_counts(result.plain)}      {_counts(result.green)}{mark}{when}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit status."""
    options = _options(argv)
    try:
        identity = identify(tuple(shlex.split(options.python)))
        known = chosen(identity.python, options.only)
    except (LookupError, ValueError) as error:
        sys.stderr.write(f"python -m tests.stdlib: {error.args[0]}\n")
        return 2
    missing = [s for s in known if s.optional and s.name not in identity.tests]
    suites = [suite for suite in known if suite not in missing]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stdlib-") as folder:
        session = Session(options, identity, options.logs or Path(folder))
        _say(f"CPython {identity.version}, {'plain' if options.plain else options.loop}")
        _say(f"{'suite':<24}{'plain: ok skip   bad    time':<30}  green: ok skip   bad    time")
        if missing:
            _say(f"not installed with this Python: {', '.join(suite.name for suite in missing)}")
        results = _run(session, suites)
        problems = _report(session, results)
        _say(f"{time.monotonic() - started:.0f} s in all")
    if options.json:
        options.json.write_text(json.dumps(_as_json(session, results), indent=1), encoding="utf-8")
    return 1 if problems else 0


def _as_json(session: Session, results: list[Result]) -> dict[str, object]:
    return {
        "python": session.identity.version,
        "loop": session.options.loop,
        "inside": session.options.inside,
        "known_differences": [asdict(row) for row in session.table.differences],
        "suites": {
            result.suite.name: {
                "plain": asdict(result.plain),
                "green": asdict(result.green) if result.green is not None else None,
                "problems": [asdict(problem) for problem in result.problems],
                "first_time": [asdict(problem) for problem in result.first_time],
            }
            for result in results
        },
    }


if __name__ == "__main__":
    sys.exit(main())
