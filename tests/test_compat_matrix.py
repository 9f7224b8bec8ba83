"""The compatibility matrix: its table is whole, and its judge is strict."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

import pytest

from compat_matrix import results, rows
from compat_matrix.__main__ import main
from compat_matrix.services import SERVICES

if TYPE_CHECKING:
    from pathlib import Path

ROWS = rows.load()
GOOD = {"answer": True, "switches": 9, "sequential_s": 2.0, "concurrent_s": 0.1}
GOOD["heartbeat_gap_ms"] = 5.0


def write(path: Path, **row: Any) -> Path:
    told = {"name": "x", "group": "g", "scenario": "requests_", **row}
    path.write_text("[[row]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in told.items()))
    return path


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_scenario_is_short_and_answers_with_the_number_of_the_call(row: rows.Row) -> None:
    source = (rows.SCENARIOS / f"{row.scenario}.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 40
    found = {f.name: f for f in ast.parse(source).body if isinstance(f, ast.FunctionDef)}
    borrowed = "import fetch as call" in source
    assert borrowed or len(found["call"].args.args) == 2
    assert {*filter(None, [row.server]), *row.beside} <= SERVICES.keys()


def test_every_scenario_has_a_row() -> None:
    files = {path.stem for path in rows.SCENARIOS.glob("[!_]*.py")}
    assert files == {row.scenario for row in ROWS}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mode": "magic"}, "mode 'magic'"),
        ({"expect": "perhaps"}, "expect 'perhaps'"),
        ({"expect": "fails"}, "a reason is needed"),
        ({"reason": "Because."}, "only there"),
        ({"scenario": "nothing"}, "no scenarios/nothing.py"),
        ({"loops": ["trio"]}, "unknown loops trio"),
        ({"expect": "no server", "reason": "None."}, "so it cannot lack one"),
        ({"colour": "red"}, "unknown keys colour"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(rows.MatrixError, match=words):
        rows.load(write(tmp_path / "matrix.toml", **wrong))


def test_a_row_says_on_which_pythons_it_is_run(tmp_path: Path) -> None:
    (row,) = rows.load(write(tmp_path / "matrix.toml", pythons=">=3.11,<3.14"))
    assert row.pythons == ("3.11", "3.12", "3.13")
    assert len(rows.cells((row,), loops=frozenset({"asyncio"}))) == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"answer": False, "error": "it broke"}, "it broke"),
        ({"switches": 0}, "never let anything else run"),
        ({"concurrent_s": 0.7}, "0.35 of their time"),
        ({"heartbeat_gap_ms": 51.0}, "stood still for 51 ms"),
    ],
)
def test_a_cell_works_only_if_everything_holds(change: dict[str, Any], problem: str | None) -> None:
    (cell,) = rows.cells(ROWS[:1], pythons=frozenset({"3.11"}), loops=frozenset({"uvloop"}))
    seen: dict[str, Any] = {**GOOD, **change}
    problems = results.judge(cell, seen)
    assert (problem is None) == (not problems)
    assert problem is None or problem in problems[0]
    verdict = results.verdict_of(cell, problems, seen)
    assert verdict == ("fails" if "error" in change else "limited" if problems else "works")


def test_results_are_of_cells_that_the_table_has() -> None:
    assert set(results.load()) <= {cell.key for cell in rows.cells(ROWS)}


def test_what_is_not_in_the_table_cannot_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nothing"]) == 2
    assert "no row, scenario, group or server is called nothing" in capsys.readouterr().err


def test_the_cells_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--only", "requests", "--python", "3.12", "--loop", "asyncio"]) == 0
    assert capsys.readouterr().out == "requests / 3.12 / asyncio\n"
