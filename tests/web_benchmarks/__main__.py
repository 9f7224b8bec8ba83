"""The command line of the web benchmarks; ``--help`` says what it can do."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ._load import Process, allow_many_files, ask, busy, closed, open_idle, serve, wrk
from ._rows import ROWS, SERVERS, TARGETS, Row, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    #: row -> server -> figure -> one value a round
    Results = dict[str, dict[str, dict[str, list[float]]]]

_BY_NAME: Final = {row.name: row for row in ROWS}
_SERVERS: Final = {server.name: server for server in SERVERS}
#: Least of all rounds: what else runs on the machine can only make them worse.
_LEAST: Final = frozenset({"stall_ms"})
_FIGURES: Final = ("rps", "p99_ms", "cpu_us", "mb", "stall_ms", "seconds", "errors")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.web_benchmarks", description="Web servers under load, in one run."
    )
    add = parser.add_argument
    add("--only", metavar="A,B", default=",".join(_BY_NAME), help="these rows")
    add("--servers", metavar="A,B", default=",".join(_SERVERS), help="these servers")
    add("--rounds", type=int, default=3, help="times that each is measured (3)")
    add("--seconds", type=int, default=6, help="of load each time (6)")
    add("--clock", choices=["wall", "cpu"], default="wall", help="cpu for a busy machine: requests "
        "for each second of the worker's CPU time (wall)")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--check", action="store_true", help="exit 1 if a target is missed")
    add("--list", action="store_true", help="list rows and servers")
    options = parser.parse_args(argv)
    for text, known in ((options.only, _BY_NAME), (options.servers, _SERVERS)):
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(known)}")
    return options


def _measure(row: Row, names: list[str], options: Any, results: Results) -> Iterator[str]:
    """Measure one row: every server once, then again. Yields what is measured next."""
    with ExitStack() as stack:
        downstream = stack.enter_context(
            Process(f"-m tests.web_benchmarks.downstream {{port}} {row.latency}", {})
        )
        url = f"http://127.0.0.1:{downstream.port}/"
        if row.fan_out:
            for _ in range(options.rounds):
                for name in names:
                    yield name
                    figures = ask(_SERVERS[name].command, url, row.fan_out)
                    _note(results, row, name, figures)
            return
        running = {n: stack.enter_context(serve(_SERVERS[n], row, url)) for n in names}
        if row.idle:
            yield from _measure_idle(row, running, options, results)
            return
        for process in running.values():
            wrk(process, row.path, min(row.connections, 50), 1)  # imports, caches
        seconds = max(row.seconds, options.seconds)
        for _ in range(options.rounds):
            for name, process in running.items():
                yield name
                _note(results, row, name, wrk(process, row.path, row.connections, seconds))


def _measure_idle(row: Row, running: Any, options: Any, results: Results) -> Iterator[str]:
    for name, process in running.items():
        wrk(process, row.path, 10, 1)
        before = process.mb()
        idle = open_idle(process, row.idle)
        try:
            time.sleep(1)
            mb = process.mb() - before
            for _ in range(options.rounds):
                yield name
                figures = busy(process, options.seconds)
                _note(results, row, name, {**figures, "mb": mb, "errors": float(closed(idle))})
        finally:
            for sock in idle:
                sock.close()


def _note(results: Results, row: Row, name: str, figures: dict[str, float]) -> None:
    kept = results.setdefault(row.name, {}).setdefault(name, {})
    for figure, value in figures.items():
        kept.setdefault(figure, []).append(value)


def _value(results: Results, row: str, server: str, figure: str, clock: str) -> float | None:
    kept = results.get(row, {}).get(server, {})
    if figure == "rps" and clock == "cpu" and "cpu_us" in kept:
        return 1e6 / statistics.median(kept["cpu_us"])
    if figure == "seconds" and clock == "cpu" and "cpu_us" in kept:
        return statistics.median(kept["cpu_us"]) / 1e6
    if figure not in kept:
        return None
    return min(kept[figure]) if figure in _LEAST else statistics.median(kept[figure])


def _print(console: Console, results: Results, clock: str) -> None:
    for name, servers in results.items():
        table = Table(title=_BY_NAME[name].title, title_justify="left")
        table.add_column("server")
        for figure in _FIGURES:
            table.add_column(figure, justify="right")
        for server in servers:
            values = (_value(results, name, server, figure, clock) for figure in _FIGURES)
            cells = ("" if value is None else f"{value:,.1f}" for value in values)
            table.add_row(_SERVERS[server].title, *cells)
        console.print(table)


def _verdict(target: Target, results: Results, clock: str) -> tuple[bool, str] | None:
    own = _value(results, target.row, target.server, target.figure, clock)
    other: float | None = 1.0
    if target.versus is not None:
        other = _value(results, target.row, target.versus, target.figure, clock)
    if own is None or not other:
        return None
    ratio = own / other
    met = ratio >= target.limit if target.at_least else ratio <= target.limit
    versus = "" if target.versus is None else f" of {target.versus}'s"
    sign = "at least" if target.at_least else "at most"
    return met, (
        f"{'reached' if met else 'MISSED '} {target.row} {target.server}: {target.figure} is "
        f"{ratio:.2f}{versus}, to be {sign} {target.limit}"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    options = _arguments(sys.argv[1:] if argv is None else argv)
    console = Console(width=None if sys.stdout.isatty() else 140)
    if options.list:
        for thing in (*ROWS, *SERVERS):
            console.print(f"{thing.name:16} {thing.title}", markup=False)
        return 0
    if shutil.which("wrk") is None:
        console.print("wrk is not installed. On Debian: apt-get install wrk")
        return 3
    allow_many_files()
    results: Results = {}
    wanted = options.servers.split(",")
    rows = [_BY_NAME[name] for name in options.only.split(",")]
    steps = sum(len([n for n in row.servers if n in wanted]) for row in rows) * options.rounds
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("", total=steps)
        for row in rows:
            names = [name for name in row.servers if name in wanted]
            for name in _measure(row, names, options, results):
                progress.update(bar, advance=1, description=f"{row.name} {name}")
    _print(console, results, options.clock)
    verdicts = [_verdict(target, results, options.clock) for target in TARGETS]
    for verdict in verdicts:
        if verdict is not None:
            console.print(verdict[1], markup=False, highlight=False)
    if options.json:
        data = {"python": platform.python_version(), "results": results}
        options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    missed = any(verdict is not None and not verdict[0] for verdict in verdicts)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
