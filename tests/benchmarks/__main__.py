"""The command line of the benchmarks; ``--help`` says what it can do."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress

from ._clock import CLOCKS
from ._measure import Effort, Results, measure
from ._report import as_json, print_figures, print_verdicts, verdicts
from ._workloads import BY_NAME, PEERS, WORKLOADS, Workload

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("main",)

EXIT_REACHED: Final = 0
EXIT_MISSED: Final = 1
EXIT_NOT_MEASURED: Final = 3  # 2 is argparse's
#: Into a file or a pipe the tables are not squeezed into 80 columns.
_WIDTH: Final = 140


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 100")
    return value


def _names(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise argparse.ArgumentTypeError(f"unknown {unknown}; there are: {', '.join(known)}")
        return names

    return parse


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure greenbridge beside its peers, each figure in a fresh process.",
    )
    peers = [peer.name for peer in PEERS]
    add = parser.add_argument
    add("--only", type=_names(list(BY_NAME)), metavar="A,B", help="these workloads")
    add("--peers", type=_names(peers), default=peers, metavar="A,B", help="these peers")
    add("--rounds", type=_positive_int, default=5, help="times that each is measured (5)")
    add("--scale", type=_scale, default=1.0, help="multiply the number of operations (1.0)")
    add("--clock", choices=list(CLOCKS), default="wall", help="cpu for a busy machine (wall)")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--svg", type=Path, metavar="FILE", help="draw the ratios to gevent there")
    add(
        "--check",
        action="store_true",
        help="exit 1 if a target is missed, 3 if one is not measured",
    )
    add("--list", action="store_true", help="list workloads and peers")
    return parser.parse_args(argv)


def _list(console: Console) -> None:
    for row in WORKLOADS:
        console.print(f"{row.name:22} {row.title}", markup=False)
    console.print()
    for peer in PEERS:
        console.print(f"{peer.name:22} {peer.title}", markup=False)


def _measured(console: Console, rows: list[Workload], peers: list[str], effort: Effort) -> Results:
    results = Results()
    steps = sum(len([name for name in peers if name in row.peers]) for row in rows)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("", total=steps * effort.rounds)
        for row, peer in measure(rows, peers, effort, results):
            progress.update(bar, advance=1, description=f"{row.name} {peer}")
    return results


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    options = _arguments(sys.argv[1:] if argv is None else argv)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    if options.list:
        _list(console)
        return EXIT_REACHED
    rows = [BY_NAME[name] for name in options.only] if options.only else list(WORKLOADS)
    effort = Effort(options.rounds, options.scale, options.clock)
    results = _measured(console, rows, options.peers, effort)
    print_figures(console, results, options.peers)
    data = as_json(results, effort)
    if options.json:
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if options.svg:
        # Only drawing needs the plotting library of the bench extra.
        from ._plot import draw

        draw(data, options.svg)
    if not options.check:
        return EXIT_REACHED
    found = verdicts(results)
    print_verdicts(console, found)
    outcomes = {one.outcome for one in found}
    if "missed" in outcomes:
        return EXIT_MISSED
    return EXIT_NOT_MEASURED if "not measured" in outcomes else EXIT_REACHED


if __name__ == "__main__":
    sys.exit(main())
