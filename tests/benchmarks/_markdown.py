"""Figures as the tables of ``docs/benchmarks.md``."""

from __future__ import annotations

from typing import Any, Final

from ._report import OURS, as_text
from ._workloads import PEERS

__all__ = ("figures", "targets")

_COLUMNS: Final = tuple(peer for peer in PEERS if peer.name != "ours-asyncio")


def figures(data: dict[str, Any]) -> str:
    """Medians of all peers, greenbridge's with its ratio to the baseline."""
    names = [peer.name for peer in _COLUMNS]
    rows = data["workloads"].values()
    lines = [
        _row(["", *(data["peers"][name] for name in names)]),
        _rule(len(names)),
        *(_row([row["title"], *(_cell(row, name) for name in names)]) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], name: str) -> str:
    found = row["peers"].get(name)
    if found is None or found["median"] is None:
        return ""
    text = as_text(found["median"], row["unit"])
    if name != OURS or found["ratio"] is None or row["unit"] == "calls":
        return text
    return f"**{text}**, {found['ratio']:.2f} x {row['baseline']}"


def targets(data: dict[str, Any]) -> str:
    """What was promised, and whether it is kept."""
    lines = [_row(["", "target", "measured", ""]), _rule(3)]
    for one in data["targets"]:
        bound = f"at {'least' if one['at_least'] else 'most'} {one['limit']:g}"
        versus = f" x {one['versus']}" if one["versus"] else ""
        value = "" if one["value"] is None else f"{one['value']:.2f}"
        title = data["workloads"][one["workload"]]["title"]
        lines.append(_row([title, bound + versus, value, one["outcome"]]))
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(figures_columns: int) -> str:
    return f"|---|{'---:|' * figures_columns}"
