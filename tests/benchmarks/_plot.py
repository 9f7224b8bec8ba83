"""The ratios to gevent as bars, an SVG without scripts or anything from elsewhere."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("draw",)

#: Longer bars are cut there; their label says how long they are.
_LONGEST: Final = 3.0
_BASELINE: Final = "gevent"
_DRAWN: Final = ("ours", "gevent", "eventlet", "threads", "uvloop")
_COLOURS: Final = ("#1b7f5c", "#9aa0a6", "#c58af9", "#f2a33a", "#5b8def")
_HEIGHT_PER_BAR_PX: Final = 13


def draw(data: dict[str, Any], path: Path) -> None:
    """Write the chart of ``--json`` data to ``path``.

    Only workloads that have gevent as their baseline and were measured for it
    are drawn. Where more is better the ratio is turned round: short is good
    everywhere.
    """
    pygal: Any = importlib.import_module("pygal")
    style: Any = importlib.import_module("pygal.style")
    rows = {
        name: row
        for name, row in data["workloads"].items()
        if row["baseline"] == _BASELINE
        and row["unit"] != "calls"
        and row["peers"].get(_BASELINE, {}).get("ratio")
    }
    peers = [name for name in _DRAWN if any(name in row["peers"] for row in rows.values())]
    chart = pygal.HorizontalBar(
        title=f"Cost beside gevent (1.0), short is good; {data['python']}, {data['date']}",
        style=style.Style(
            background="white",
            plot_background="white",
            colors=[_COLOURS[_DRAWN.index(name)] for name in peers],
            value_font_size=9,
            label_font_size=11,
            title_font_size=14,
            legend_font_size=12,
            font_family="sans-serif",
        ),
        js=(),
        width=900,
        height=120 + _HEIGHT_PER_BAR_PX * len(rows) * (len(peers) + 1),
        range=(0, _LONGEST),
        print_values=True,
        print_values_position="top",
        legend_at_bottom=True,
        disable_xml_declaration=True,
    )
    chart.uuid = "benchmarks"  # instead of a random one: the same figures give the same file
    # The first row of a horizontal chart is drawn at the bottom.
    order = list(reversed(rows.values()))
    chart.x_labels = [row["title"] for row in order]
    for name in peers:
        chart.add(data["peers"][name], [_bar(row, name) for row in order])
    path.write_text(chart.render(is_unicode=True) + "\n", encoding="utf-8")


def _bar(row: dict[str, Any], peer: str) -> dict[str, Any] | None:
    ratio = row["peers"].get(peer, {}).get("ratio")
    if not ratio:
        return None
    cost = 1 / ratio if row["higher_is_better"] else ratio
    return {"value": min(cost, _LONGEST), "formatter": lambda _, cost=cost: f"{cost:.2f}"}
