"""What plain Python has to run, and the second chance, on suites that are there for a moment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.stdlib import __main__ as program
from tests.stdlib.needed import needed
from tests.stdlib.running import Record, Runner
from tests.stdlib.suites import Suite
from tests.stdlib.table import PlainFailure, Table

if TYPE_CHECKING:
    from pathlib import Path

CASE = "test.test_x.Case"
CASES = [f"{CASE}.test_{letter}" for letter in "abcdef"]
NOTHING = Table((), ())


def plain_rows(test: str, action: str) -> Table:
    return Table((), (PlainFailure(test, "*", "A reason.", "a link", "always", action),))


def green(**outcomes: str) -> Record:
    """A record in which what is not named is good."""
    made = Record("test_x", dict.fromkeys(CASES, "ok"))
    for letter, outcome in outcomes.items():
        made.add(f"{CASE}.test_{letter}", outcome)
    return made


def test_nothing_is_needed_where_all_is_good() -> None:
    record = green(a="ok")
    record.outcomes[CASES[1]] = "expected failure"
    assert needed(record, CASES, NOTHING) == ()


@pytest.mark.parametrize("outcome", ["skipped", "failed", "error", "hung", "crashed"])
def test_what_did_not_pass_is_needed(outcome: str) -> None:
    assert needed(green(c=outcome), CASES, NOTHING) == (CASES[2],)


def test_what_did_not_run_is_needed() -> None:
    record = green()
    del record.outcomes[CASES[4]]
    assert needed(record, CASES, NOTHING) == (CASES[4],)


def test_rows_of_what_plain_python_fails_are_checked_every_time() -> None:
    assert needed(green(), CASES, plain_rows(f"{CASE}.test_[ab]", "fails")) == tuple(CASES[:2])
    assert needed(green(), CASES, plain_rows("*", "unsteady")) == ()


def test_the_fixtures_of_a_class_stand_for_the_class() -> None:
    record = green()
    record.outcomes[f"setUpClass ({CASE})"] = "skipped"
    record.outcomes["test_x (environment)"] = "changed"
    assert needed(record, CASES, NOTHING) == (f"{CASE}.*",)


def test_cases_are_listed_and_chosen_as_regrtest_does(tmp_path: Path) -> None:
    runner = Runner((sys.executable,), (), tmp_path)
    suite = Suite("test_sched", "foundation")
    cases = runner.cases(suite)
    assert "test.test_sched.TestCase.test_enter" in cases
    one, other = cases[:2]
    # What is ignored stays so when others are chosen, and these alone are run.
    assert runner.cases(suite, ignored=[other], match=[one]) == [one]
    assert set(runner.run(suite, (other,), (one,)).outcomes) == {one}
    with pytest.raises(RuntimeError, match="test_no_such_suite"):
        runner.cases(Suite("test_no_such_suite", "foundation"))


def test_what_has_problems_gets_a_second_chance_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[tuple[str, ...]] = []
    original = Runner.run

    def run(
        self: Runner,
        suite: Suite,
        ignored: tuple[str, ...] = (),
        match: tuple[str, ...] = (),
        hanging: tuple[str, ...] = (),
    ) -> Record:
        record = original(self, suite, ignored, match, hanging)
        if self.before:  # the green one
            runs.append(match)
            if len(runs) == 1:
                record.outcomes["test.test_sched.TestCase.test_enter"] = "failed"
        return record

    monkeypatch.setattr(Runner, "run", run)
    arguments = ["--only", "test_sched", "--baseline", str(tmp_path / "kept")]
    assert program.main(arguments) == 1
    runs.clear()
    assert program.main([*arguments, "--again"]) == 0
    assert runs == [(), ("test.test_sched.TestCase.test_enter",)]
    said = capsys.readouterr().out
    assert "the first time" in said
    assert "test_enter: failed under greenbridge, ok under plain Python" in said
    # Plain Python ran only that, so there is nothing to be kept.
    assert not (tmp_path / "kept").exists()


def test_all_of_plain_python_is_run_and_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    arguments = ["--only", "test_sched", "--baseline", str(tmp_path / "kept"), "--whole-plain"]
    assert program.main(arguments) == 0
    assert list((tmp_path / "kept").glob("*/test_sched.json"))
