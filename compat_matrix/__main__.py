"""``python -m compat_matrix``: run cells of the matrix, show and record what was seen.

``python -m compat_matrix suites`` runs public test suites instead; see ``suites/program.py``.

The exit code is 0 if every cell that was run came out as its row expects, else 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from . import environments, results
from .rows import LOOPS, PYTHONS, MatrixError, cells, load
from .running import Outcome, Session
from .suites import program as suites

if TYPE_CHECKING:
    from collections.abc import Sequence


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m compat_matrix",
        description="Run libraries under greenbridge against real servers, and record the results.",
        epilog="'python -m compat_matrix suites --help': public test suites instead",
    )
    add = parser.add_argument
    add("--only", default="", help="rows, scenarios, groups or servers, separated by commas")
    add("--python", default="", help=f"separated by commas, of {', '.join(PYTHONS)}")
    add("--loop", choices=LOOPS, help="one loop instead of both")
    add("--list", action="store_true", help="show the cells and stop")
    add(
        "--answers",
        action="store_true",
        help="what is right counts as expected, even if it was slow: for a busy machine",
    )
    add("--dry", action="store_true", help="do not write results.json")
    add("--logs", type=Path, help="keep the output of the cells in this folder")
    options = parser.parse_args(argv)
    options.pythons = frozenset(filter(None, options.python.split(",")))
    if unknown := sorted(options.pythons - set(PYTHONS)):
        parser.error(f"--python {', '.join(unknown)}: there are {', '.join(PYTHONS)}")
    return options


def _line(outcome: Outcome, seconds: float) -> str:
    seen = outcome.seen
    figures = " " * 24
    if "concurrent_s" in seen:
        times = seen["sequential_s"] / max(seen["concurrent_s"], 1e-6)
        figures = f"{times:5.1f} x {seen['heartbeat_gap_ms']:7.1f} ms {seen['switches']:6}"
    mark = " " if outcome.is_expected else "!"
    cell = outcome.cell
    return (
        f"{mark} {cell.row.name:<26} {cell.python:<5} {cell.loop:<8} {outcome.verdict:<8}"
        f"{figures} {seconds:5.1f} s  {outcome.words}"
    ).rstrip()


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["suites"]:
        return suites.main(argv[1:])
    options = _options(argv)
    try:
        chosen = cells(
            load(),
            only=frozenset(filter(None, options.only.split(","))),
            pythons=options.pythons,
            loops=frozenset({options.loop} if options.loop else ()),
        )
    except MatrixError as error:
        print(f"python -m compat_matrix: {error}", file=sys.stderr)
        return 2
    if options.list:
        for cell in chosen:
            print(cell.key)
        return 0
    folder = options.logs or environments.cache() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with Session(folder) as session:
        for cell in chosen:
            began = time.monotonic()
            outcome = session.run(cell)
            outcomes.append(outcome)
            print(_line(outcome, time.monotonic() - began), flush=True)
            if not options.dry and outcome.verdict != "not run":
                recorded = results.load()
                recorded[cell.key] = outcome.seen
                results.save(recorded)
    count = Counter(outcome.verdict for outcome in outcomes)
    surprising = [
        outcome
        for outcome in outcomes
        if not outcome.is_expected and not (options.answers and outcome.verdict == "limited")
    ]
    words = ", ".join(f"{n} {verdict}" for verdict, n in sorted(count.items()))
    print(f"{len(outcomes)} cells: {words}; {len(surprising)} not as expected")
    return 1 if surprising else 0


if __name__ == "__main__":
    sys.exit(main())
