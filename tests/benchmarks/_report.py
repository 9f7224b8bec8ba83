"""Figures as tables for people and as JSON for machines; targets as verdicts."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Literal

from rich.table import Table

from ._targets import TARGETS, Target
from ._workloads import BY_NAME, PEERS, Workload

if TYPE_CHECKING:
    from rich.console import Console

    from ._measure import Effort, Results

__all__ = ("Verdict", "as_json", "as_text", "print_figures", "print_verdicts", "verdicts")

OURS: Final = "ours"
_PACKAGES: Final = ("gevent", "eventlet", "greenback", "greenlet", "uvloop")
_NS_IN_US: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what was measured for it."""

    target: Target
    value: float | None
    outcome: Literal["reached", "missed", "not measured"]
    reason: str = ""


def as_text(value: float | None, unit: str) -> str:
    """A figure with the digits that mean something."""
    if value is None:
        return "-"
    if unit == "ns":
        return f"{value / _NS_IN_US:,.2f} us"
    if unit in ("calls", "bytes", "MB/s"):
        return f"{value:,.0f} {unit}".removesuffix(" calls")
    return f"{value:,.1f} {unit}"


def verdicts(results: Results) -> list[Verdict]:
    """One verdict for each target whose workload was asked for."""
    found = []
    for target in TARGETS:
        if target.workload not in results.figures:
            continue
        if target.versus is None:
            value = results.figure(target.workload, OURS).median
        else:
            value = results.ratio(target.workload, OURS, target.versus)
        if value is None:
            found.append(Verdict(target, None, "not measured", _reason(results, target)))
            continue
        good = value >= target.limit if target.at_least else value <= target.limit
        found.append(Verdict(target, value, "reached" if good else "missed"))
    return found


def _reason(results: Results, target: Target) -> str:
    rows = results.figures[target.workload]
    for name in (OURS, target.versus or OURS):
        if name not in rows:
            return f"{name} was not asked"
        if rows[name].reason:
            return f"{name}: {rows[name].reason}"
    return ""


def print_figures(console: Console, results: Results, peers: list[str]) -> None:
    """Medians, and below each the ratio to the workload's baseline."""
    table = Table(title="Medians, and ratios to the baseline in the same round (x)")
    table.add_column("")
    for name in peers:
        table.add_column(name, justify="right")
    for workload, rows in results.figures.items():
        row = BY_NAME[workload]
        cells = [_cell(results, row, name) if name in rows else "" for name in peers]
        table.add_row(row.title, *cells)
    console.print(table)
    for workload, rows in results.figures.items():
        for name, figure in rows.items():
            if figure.reason:
                console.print(f"not measured: {workload}, {name}: {figure.reason}", markup=False)


def _cell(results: Results, row: Workload, name: str) -> str:
    text = as_text(results.figure(row.name, name).median, row.unit)
    ratio = results.ratio(row.name, name, row.baseline)
    return text if ratio is None or name == row.baseline else f"{text} {ratio:6.2f}x"


def print_verdicts(console: Console, found: list[Verdict]) -> None:
    """Each target with what was measured and whether that reaches it."""
    table = Table(title="Targets")
    for column in ("workload", "target", "measured", ""):
        table.add_column(column)
    style = {"reached": "green", "missed": "bold red", "not measured": "yellow"}
    for one in found:
        bound = "at least" if one.target.at_least else "at most"
        versus = f" of {one.target.versus}'s" if one.target.versus else ""
        table.add_row(
            BY_NAME[one.target.workload].title,
            f"{bound} {one.target.limit:g}{versus}",
            "-" if one.value is None else f"{one.value:.2f}",
            f"[{style[one.outcome]}]{one.outcome}[/]" + (f" ({one.reason})" if one.reason else ""),
        )
    console.print(table)


def as_json(results: Results, effort: Effort) -> dict[str, Any]:
    """All of it, with what a reader needs to judge it."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": f"{os.cpu_count()} CPUs, {platform.machine()}, {platform.system()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: _version(name) for name in _PACKAGES},
        "rounds": effort.rounds,
        "scale": effort.scale,
        "clock": effort.clock,
        "peers": {peer.name: peer.title for peer in PEERS},
        "workloads": {
            workload: {
                "title": BY_NAME[workload].title,
                "unit": BY_NAME[workload].unit,
                "baseline": BY_NAME[workload].baseline,
                "higher_is_better": BY_NAME[workload].higher_is_better,
                "peers": {
                    name: {
                        "median": figure.median,
                        "ratio": results.ratio(workload, name, BY_NAME[workload].baseline),
                        "samples": figure.samples,
                        "reason": figure.reason,
                    }
                    for name, figure in rows.items()
                },
            }
            for workload, rows in results.figures.items()
        },
        "targets": [
            {
                "workload": one.target.workload,
                "limit": one.target.limit,
                "versus": one.target.versus,
                "at_least": one.target.at_least,
                "value": one.value,
                "outcome": one.outcome,
                "reason": one.reason,
            }
            for one in verdicts(results)
        ],
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
