"""What was seen: ``results.json``, and what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .rows import Cell

__all__ = ("RESULTS", "judge", "load", "save", "verdict_of")

RESULTS: Final = Path(__file__).with_name("results.json")

#: A cell works only if many calls at once take less than this part of their time in turn.
MOST_OF_SEQUENTIAL: Final = 0.3
#: ... and the loop never stands still for longer, in milliseconds.
LARGEST_GAP_MS: Final = 50.0


def judge(cell: Cell, seen: dict[str, Any]) -> list[str]:
    """What keeps a cell from working; an empty list if nothing does."""
    if not seen.get("answer"):
        return [seen.get("error", "no result")]
    found = []
    if not seen["switches"]:
        found.append("it never let anything else run")
    share = seen["concurrent_s"] / seen["sequential_s"] if seen["sequential_s"] else 1.0
    if share >= MOST_OF_SEQUENTIAL and not cell.row.not_concurrent:
        found.append(f"{cell.row.at_once} calls at once took {share:.2f} of their time in turn")
    if seen["heartbeat_gap_ms"] >= LARGEST_GAP_MS:
        found.append(f"the loop stood still for {seen['heartbeat_gap_ms']:.0f} ms")
    return found


def verdict_of(cell: Cell, problems: list[str], seen: dict[str, Any]) -> str:
    """One word for the table: works, limited (right, but not concurrent or not smooth), fails."""
    if not problems:
        return "works"
    return "limited" if seen.get("answer") else "fails"


def load(path: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Every recorded cell, by ``Cell.key``; empty if nothing was ever recorded."""
    if not path.exists():
        return {}
    data: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return data


def save(results: dict[str, dict[str, Any]], path: Path = RESULTS) -> None:
    """Write all cells, sorted, one line each: a run of a part changes only its own lines."""
    lines = [f"{json.dumps(key)}: {json.dumps(results[key])}" for key in sorted(results)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
