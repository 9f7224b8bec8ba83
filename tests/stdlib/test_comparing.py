"""The comparison of a green run with a plain one, and the table of what may differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stdlib.comparing import compare, plain_problems, proof_problems
from tests.stdlib.running import Record
from tests.stdlib.suites import SUITES, Suite, chosen
from tests.stdlib.table import Difference, PlainFailure, Row, Table, load
from tests.stdlib.versions import matches

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TEST = "test.test_x.Case.test_one"
DIFFERS = Table((Difference(TEST, "*", "A reason.", "a link", "fails"),), ())
UNSTEADY = Table((Difference(TEST, "*", "A reason.", "a link", "unsteady"),), ())
NOTHING = Table((), ())


def record(outcome: str | None) -> Record:
    made = Record("test_x")
    if outcome is not None:
        made.add(TEST, outcome)
    return made


def plain_row(action: str) -> Table:
    return Table((), (PlainFailure("test.test_x.*", "*", "A reason.", "a link", "always", action),))


@pytest.mark.parametrize(
    ("plain", "green"),
    [("ok", "ok"), ("skipped", "skipped"), ("skipped", "ok"), ("expected failure", "ok")],
)
def test_what_is_as_good_as_under_plain_python_is_no_problem(plain: str, green: str) -> None:
    assert compare(record(green), record(plain), NOTHING) == []


@pytest.mark.parametrize(
    ("plain", "green"),
    [
        ("ok", "failed"),
        ("ok", "error"),
        ("ok", "hung"),
        ("ok", "crashed"),
        ("ok", "skipped"),
        ("ok", None),
        ("skipped", "failed"),
        (None, "error"),
    ],
)
def test_what_is_worse_than_under_plain_python_is_a_problem(
    plain: str | None, green: str | None
) -> None:
    (problem,) = compare(record(green), record(plain), NOTHING)
    assert problem.test == TEST
    assert str(green or "not run") in problem.text


@pytest.mark.parametrize("green", ["failed", "hung", "skipped", None])
def test_a_row_allows_a_difference(green: str | None) -> None:
    assert compare(record(green), record("ok"), DIFFERS) == []


def test_a_row_for_what_passes_is_a_problem() -> None:
    (problem,) = compare(record("ok"), record("ok"), DIFFERS)
    assert "Remove the row" in problem.text


def test_a_row_may_be_for_what_several_classes_inherit_and_holds_for_each() -> None:
    table = Table((Difference("test.test_x.*.test_one", "*", "A reason.", "a link", "fails"),), ())
    green, plain = Record("test_x"), Record("test_x")
    for case, outcome in (("A", "failed"), ("B", "ok")):
        green.add(f"test.test_x.{case}.test_one", outcome)
        plain.add(f"test.test_x.{case}.test_one", "ok")
    (problem,) = compare(green, plain, table)
    assert problem.test == "test.test_x.B.test_one"
    assert "Remove the row" in problem.text
    (problem,) = compare(Record("test_x"), Record("test_x"), table)
    assert "no such test" in problem.text


def test_an_unsteady_row_allows_both() -> None:
    assert compare(record("ok"), record("ok"), UNSTEADY) == []
    assert compare(record("failed"), record("ok"), UNSTEADY) == []


def test_a_row_for_no_test_is_a_problem_unless_the_run_was_filtered() -> None:
    (problem,) = compare(record(None), record(None), DIFFERS)
    assert "no such test" in problem.text
    assert compare(record(None), record(None), DIFFERS, whole=False) == []


def test_a_plain_failure_needs_a_row() -> None:
    (problem,) = plain_problems(record("failed"), NOTHING)
    assert "[[plain]]" in problem.text
    assert plain_problems(record("failed"), plain_row("fails")) == []
    assert plain_problems(record("ok"), NOTHING) == []


def test_a_plain_row_for_what_passes_or_ran_is_a_problem() -> None:
    assert "says that it fails" in plain_problems(record("ok"), plain_row("fails"))[0].text
    assert "was run" in plain_problems(record("ok"), plain_row("ignored"))[0].text
    assert plain_problems(record("ok"), plain_row("unsteady")) == []


def test_what_fails_plainly_may_fail_greenly() -> None:
    assert compare(record("failed"), record("failed"), plain_row("fails")) == []


def proof(**changes: object) -> Record:
    made = Record("test_x")
    good = {
        "event": "end",
        "socket": "greenbridge.green.socket.socket",
        "green": True,
        "displaced": [],
    }
    made.proofs.append({**good, "waits": 5, **changes})
    return made


def test_a_run_must_prove_that_it_was_green() -> None:
    suite = Suite("test_x", "foundation")
    assert proof_problems(proof(), suite) == []
    assert "socket.socket is socket.socket" in (
        proof_problems(proof(socket="socket.socket"), suite)[0].text
    )
    assert "no longer patched: time.sleep" in (
        proof_problems(proof(displaced=["time.sleep"]), suite)[0].text
    )
    assert "not green" in proof_problems(proof(green=False), suite)[0].text
    assert "never parked" in proof_problems(proof(waits=0), suite)[0].text
    assert proof_problems(proof(waits=0), Suite("test_x", "foundation", waits=False)) == []


def names(suites: Iterable[Suite]) -> list[str]:
    return [suite.name for suite in suites]


@pytest.mark.parametrize("python", [(3, minor) for minor in range(10, 16)])
def test_the_table_is_sound_and_short(python: tuple[int, int]) -> None:
    table = load(python)
    assert len(table.differences) <= 20
    of_group = [suite for suite in SUITES if suite.group == "foundation"]
    assert sum(any(map(row.is_of, names(of_group))) for row in table.differences) < 8
    rows: tuple[Row, ...] = (*table.differences, *table.plain)
    for row in rows:
        assert any(map(row.is_of, names(SUITES)))
        assert row.reason.endswith(".")
        assert row.link.startswith("https://")


def test_a_row_may_speak_of_several_suites() -> None:
    row = Difference("test.test_x*.*Case.test_one", "*", "A reason.", "a link", "fails")
    table = Table((row,), ())
    assert [row.is_of(suite) for suite in ("test_x", "test_xy", "test_y")] == [True, True, False]
    assert table.difference("test.test_xy.part.SomeCase.test_one") is row
    assert compare(record("failed"), record("ok"), table) == []
    (problem,) = compare(Record("test_x"), Record("test_x"), table)
    assert "there is no such test" in problem.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[diference]]\ntest = "a"', "no part is called diference"),
        ('[[difference]]\ntest = "a"', "has the fields action, link, pythons, reason, test"),
        (
            '[[plain]]\ntest="a"\npythons="*"\nwhen="never"\naction="fails"\nreason="r"\nlink="l"',
            "write one of always, root",
        ),
        (
            '[[difference]]\ntest="a"\npythons="*"\naction="ignored"\nreason="r"\nlink="l"\n',
            "write fails or hangs or unsteady",
        ),
        (
            '[[difference]]\ntest="a.*"\npythons="*"\naction="hangs"\nreason="r"\nlink="l"\n',
            "name each such test",
        ),
        (
            2 * '[[difference]]\ntest="a"\npythons="*"\naction="fails"\nreason="r"\nlink="l"\n',
            "more than one row",
        ),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        load((3, 11), path)


@pytest.mark.parametrize(
    ("spec", "yes"),
    [("*", True), ("3.12", True), ("3.1", False), (">=3.12", True), (">=3.10, <3.12", False)],
)
def test_pythons_are_named_by_clauses(spec: str, yes: bool) -> None:
    assert matches(spec, (3, 12)) is yes


def test_bad_pythons_are_refused() -> None:
    with pytest.raises(ValueError, match="names no Pythons"):
        matches("py312", (3, 12))


def test_suites_are_chosen_by_name_group_and_python() -> None:
    names = {suite.name for suite in chosen((3, 12))}
    assert "test_socket" in names
    assert "test_asyncore" not in names
    assert [suite.name for suite in chosen((3, 11), frozenset({"test_asyncore"}))] == [
        "test_asyncore"
    ]
    assert len(chosen((3, 11), frozenset({"foundation"}))) == 23
    with pytest.raises(LookupError, match="no suite or group is called test_sokcet"):
        chosen((3, 11), frozenset({"test_sokcet"}))
