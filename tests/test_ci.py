"""The program behind ``.ci/run``: what is run, in which order, and what is said of it."""

from __future__ import annotations

import importlib
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONG = 30.0  # seconds


@pytest.fixture(scope="module", autouse=True)
def folder() -> Iterator[None]:
    """`.ci` is no package: its programs find each other as neighbours."""
    sys.path.insert(0, str(ROOT / ".ci"))
    yield
    sys.path.remove(str(ROOT / ".ci"))


def module(name: str) -> Any:
    return importlib.import_module(name)


# -- whose turn it is ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suite:
    name: str
    cost: float


PYTHONS = ("3.10", "3.11", "3.12", "3.13")
CHEAP, DEAR, DEARER = Suite("cheap", 5.0), Suite("dear", 100.0), Suite("dearer", 200.0)
SUITES = dict.fromkeys(PYTHONS, (CHEAP, DEAR, DEARER))


def planned(capacity: float, day: int, everything: bool = False) -> dict[str, list[str]]:
    plan = module("plan").make(SUITES, capacity, day, everything)
    return {series: [suite.name for suite in plan.chosen[series]] for series in PYTHONS}


def test_what_is_cheap_and_what_is_first_and_last_is_run_every_time() -> None:
    for day in range(1, 367):
        plan = planned(0.0, day)
        assert all("cheap" in names for names in plan.values())
        assert plan["3.10"] == plan["3.13"] == ["cheap", "dear", "dearer"]


@pytest.mark.parametrize("capacity", [0.0, 750.0, 850.0, 950.0, 1e6])
def test_everything_has_its_turn(capacity: float) -> None:
    made = module("plan").make(SUITES, capacity, 1, False)
    count = Counter(
        (series, name)
        for day in range(len(made.groups))
        for series, names in planned(capacity, day).items()
        for name in names
        if name != "cheap" and series in PYTHONS[1:3]
    )
    assert set(count.values()) == {1}
    assert len(count) == 4
    left_out = {(series, suite.name) for series, suite in made.left_out}
    run = {(series, name) for series, names in planned(capacity, 1).items() for name in names}
    assert not left_out & run
    assert len(left_out | run) == 12


def test_a_greater_budget_runs_more_and_a_group_fits_into_it() -> None:
    always = 4 * 5.0 + 2 * 300.0
    make = module("plan").make
    groups = [len(make(SUITES, always + left, 1, False).groups) for left in (0, 300, 600)]
    assert groups == [4, 2, 1]


def test_all_means_all() -> None:
    assert planned(0.0, 5, everything=True) == {
        series: ["cheap", "dear", "dearer"] for series in PYTHONS
    }


# -- parts -----------------------------------------------------------------------------------------


def run(tmp_path: Path, *made: Any, jobs: int = 2) -> dict[str, Any]:
    """Run parts; returns their results by name, in the order in which they ended."""
    told: dict[str, Any] = {}
    results = module("parts").run_parts(
        made, jobs, tmp_path, {}, lambda result: told.update({result.part.name: result})
    )
    assert [result.part.name for result in results] == [part.name for part in made]
    return told


def part(name: str, action: Callable[[Any], None] | str, *needs: str, cost: float = 1.0) -> Any:
    """A part; its action is a function, or Python code."""
    if isinstance(action, str):
        code = action
        return module("parts").Part(
            name, lambda job: job.run(sys.executable, "-c", code), cost, needs
        )
    return module("parts").Part(name, action, cost, needs)


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    return {name: result.verdict for name, result in results.items()}


def test_a_part_passes_or_fails_with_the_last_words_of_its_output(tmp_path: Path) -> None:
    results = run(tmp_path, part("good", "print('well')"), part("bad", "1 / 0"))
    assert verdicts(results) == {"good": "passed", "bad": "FAILED"}
    assert results["good"].words == "well"
    assert "exit code 1: ZeroDivisionError" in results["bad"].words
    assert "1 / 0" in results["bad"].log.read_text()


def test_what_needs_a_part_that_did_not_pass_is_not_run(tmp_path: Path) -> None:
    def cannot(_: object) -> None:
        raise module("parts").NotRun("no such thing here")

    results = run(
        tmp_path,
        part("fails", "1 / 0"),
        part("after", "print()", "fails"),
        part("after that", "print()", "after"),
        part("cannot", cannot),
        part("after cannot", "print()", "cannot"),
    )
    assert verdicts(results) == {
        "fails": "FAILED",
        "after": "not run",
        "after that": "not run",
        "cannot": "not run",
        "after cannot": "not run",
    }
    assert results["after"].words == "needs: fails"
    assert results["after cannot"].words == "no such thing here"


def test_what_waits_for_its_need_lets_others_go_first(tmp_path: Path) -> None:
    order: list[str] = []
    meet = threading.Barrier(2, timeout=LONG)

    def together(_: object) -> None:
        meet.wait()  # the two parts that need nothing run side by side

    results = run(
        tmp_path,
        part("slow", together),
        part("needs slow", lambda _: order.append("needs slow"), "slow"),
        part("beside", together),
    )
    assert set(verdicts(results).values()) == {"passed"}
    assert order == ["needs slow"]


def test_one_job_keeps_the_order(tmp_path: Path) -> None:
    results = run(tmp_path, *(part(name, lambda _: None) for name in "cab"), jobs=1)
    assert list(results) == ["c", "a", "b"]


def test_what_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module("parts"), "LEAST_PATIENCE", 0.5)
    # The child would hold the log open, if it lived on.
    hangs = "import os, time; os.fork(); print('begun', flush=True); time.sleep(600)"
    results = run(tmp_path, part("hangs", hangs, cost=0.0))
    assert verdicts(results) == {"hangs": "FAILED"}
    assert "exit code 124" in results["hangs"].words
    assert "took longer than" in results["hangs"].log.read_text()


def test_a_second_chance_is_told(tmp_path: Path) -> None:
    marker = tmp_path / "was here"
    late = (
        f"import pathlib, sys; p = pathlib.Path({str(marker)!r}); there = p.exists(); p.touch(); "
    )

    def twice(again: str) -> Callable[[Any], None]:
        return lambda job: job.run_twice(
            [sys.executable, "-c", late + "print('late') if there else sys.exit('missed it')"],
            [sys.executable, "-c", again],
        )

    results = run(tmp_path, part("late", twice(late + "print('now')")), jobs=1)
    assert verdicts(results) == {"late": "passed"}
    assert results["late"].words == "exit code 1: missed it; the second time: now"
    marker.unlink()
    results = run(tmp_path, part("never", twice("raise SystemExit('again')")), jobs=1)
    assert verdicts(results) == {"never": "FAILED"}
    assert "again" in results["never"].words


def test_the_table_never_calls_passed_what_was_not_run(tmp_path: Path) -> None:
    results = run(tmp_path, part("a", "1 / 0", cost=7.0), part("b", "print()", "a"))
    lines = module("parts").table(list(results.values())).splitlines()[1:]
    assert lines[0].startswith("FAILED")
    assert lines[0].endswith("   7 s  a")
    assert lines[1].startswith("not run")
    assert lines[1].endswith("b  (needs: a)")


# -- the whole -------------------------------------------------------------------------------------


def test_the_parts_are_listed_with_the_plan_of_the_day(capsys: pytest.CaptureFixture[str]) -> None:
    checks = module("checks")
    assert checks.main(["--list", "--day", "1", "--budget", "1"]) == 0
    listed = capsys.readouterr().out
    assert "day 1 of the year, so group" in listed
    assert "test_socket" in listed
    for word in ("ruff check", "README command 2", "CPython's suites on 3.15", "soak", "wheel"):
        assert word in listed
    assert checks.main(["--list", "--all"]) == 0
    assert "all of them, on every Python" in capsys.readouterr().out
    assert checks.main(["--list", "--quick"]) == 0
    assert "suites" not in capsys.readouterr().out
    assert checks.main(["--list", "--only", "typed"]) == 0
    assert [line.split(" s  ")[1] for line in capsys.readouterr().out.splitlines()[-3:]] == [
        "tools",
        "wheel",
        "every public name is typed",
    ]
    assert checks.main(["--list", "--only", "nonsense"]) == 2


@pytest.mark.parametrize("words", [["--jobs", "0"], ["--budget", "0"], ["--day", "x"]])
def test_bad_options_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        module("checks").main(words)
    assert refused.value.code == 2


def test_the_readme_begins_with_two_commands() -> None:
    first, second = module("checks").readme_commands()
    assert first.startswith("pip install .")
    assert second.endswith("python -m pytest")


def test_what_one_python_is_enough_for_is_there() -> None:
    every = module("every")
    missing = [path for path in every.OF_THE_REPOSITORY if not (ROOT / path).exists()]
    assert not missing, "an --ignore of nothing would run them everywhere, and nobody would see"
