"""The public suites: their table is whole, their recorder tells all, and their judge is strict."""

from __future__ import annotations

import json
import sys
import tarfile
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from compat_matrix.__main__ import main
from compat_matrix.rows import MatrixError
from compat_matrix.suites import recorded, table
from compat_matrix.suites.comparing import compare
from compat_matrix.suites.running import Record, Run
from compat_matrix.suites.sources import copied, unpack
from docs import render_suites

if TYPE_CHECKING:
    from pathlib import Path

SUITE = table.Suite("x", "1.0")


def load(path: Path, text: str) -> table.Table:
    file = path / "suites.toml"
    file.write_text(text)
    return table.load(file)


def suite(**more: Any) -> str:
    told = {"name": "x", "version": "1.0", **more}
    return "[[suite]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in told.items())


def difference(**more: Any) -> str:
    told = {"suite": "x", "test": "t.py::a", "world": "patched", "action": "fails"}
    told |= {"reason": "It looks at the clock.", **more}
    return "[[difference]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in told.items())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (suite(colour="red"), "unknown keys colour"),
        (suite(version=""), "version must be given"),
        (suite() + suite(), "stand there twice: x"),
        (suite(worlds=["upside down"]), "unknown worlds upside down"),
        (suite(server="abacus"), "no 'abacus'"),
        (suite(tag="v1"), "belong together"),
        (suite() + difference(suite="y"), "no suite 'y'"),
        (suite() + difference(world="installed"), "not run 'installed'"),
        (suite() + difference(action="sings"), "write fails or unsteady or hangs"),
        (suite() + difference(reason="Because"), "a full sentence"),
        ("[[sweet]]\n", "no part is called sweet"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(MatrixError, match=words):
        load(tmp_path, text)


def test_rows_hold_for_their_suite_world_and_python(tmp_path: Path) -> None:
    whole = load(tmp_path, suite() + difference(pythons="<3.12", loops=["uvloop"]))
    assert len(whole.differences_of("x", "patched", "3.11", "uvloop")) == 1
    assert not whole.differences_of("x", "patched", "3.12", "uvloop")
    assert not whole.differences_of("x", "patched", "3.11", "asyncio")
    assert not whole.differences_of("x", "installed", "3.11", "uvloop")


def record(**outcomes: str) -> Record:
    return Record({f"t.py::{name}": outcome for name, outcome in outcomes.items()})


def row(action: str, test: str = "t.py::a") -> tuple[table.Difference, ...]:
    return (table.Difference("x", test, "patched", action, "It looks at the clock."),)


@pytest.mark.parametrize(
    ("plain", "green", "rows", "words"),
    [
        (record(a="passed"), record(a="passed"), (), ""),
        (record(a="failed"), record(a="failed"), (), ""),
        (record(a="passed"), record(a="failed"), (), "failed under greenbridge, passed plain"),
        (record(a="failed"), record(a="passed"), (), "passed under greenbridge, failed plain"),
        (record(a="passed"), record(), (), "not run under greenbridge"),
        (record(a="passed"), record(a="skipped"), (), "skipped under greenbridge"),
        (record(a="passed"), record(a="failed"), row("fails"), ""),
        (record(a="passed"), record(a="failed"), row("fails", "t.py::*"), ""),
        (record(a="passed"), record(a="passed"), row("fails"), "does not differ. Remove the row"),
        (record(a="passed"), record(a="passed"), row("unsteady"), ""),
        (record(a="passed"), record(a="failed"), row("unsteady"), ""),
        (record(a="passed"), record(), row("hangs"), ""),
        (record(a="failed"), record(), row("hangs"), "does not pass either"),
        (record(a="passed"), record(a="passed"), row("fails", "t.py::b"), "no such test"),
        (record(a="passed"), Record({"t.py::a": "passed"}, broken="died"), (), "died"),
    ],
)
def test_only_what_the_table_says_may_differ(
    plain: Record, green: Record, rows: tuple[table.Difference, ...], words: str
) -> None:
    problems = compare(plain, green, rows)
    assert len(problems) == bool(words)
    assert words in "".join(problems)


TESTS = """
import os, pytest, sys

def test_good(): pass
def test_bad(): assert 1 == 2, "no"
def test_skipped(): pytest.skip("not today")
@pytest.mark.xfail(reason="never passes")
def test_xfailed(): assert False
@pytest.fixture
def broken():
    yield
    raise ValueError("teardown")
def test_error(broken): pass
@pytest.mark.parametrize("n", [1, 2])
def test_left_out(n): assert False
def test_forked():
    if os.fork() == 0:
        os._exit(pytest.main(["-q", "-p", "no:cacheprovider", "other.py"]))
    os.wait()
def test_ends():
    if os.environ.get("END"):
        os._exit(7)
"""


def run_of(tmp_path: Path, suite: table.Suite = SUITE, world: str = "plain") -> Run:
    source = tmp_path / "source"
    source.mkdir()
    (source / "test_it.py").write_text(TESTS)
    (source / "other.py").write_text("def test_other(): pass")
    without = ("test_it.py::test_left_out*",)
    runs = tmp_path / "runs"
    return Run(suite, world, [sys.executable], source, runs, "asyncio", without, None)


def test_a_run_records_the_outcome_of_each_test(tmp_path: Path) -> None:
    known = [f"test_it.py::test_left_out[{n}]" for n in (1, 2)]
    seen = run_of(tmp_path)(known)
    assert not seen.broken
    assert seen.outcomes == {
        "test_it.py::test_good": "passed",
        "test_it.py::test_bad": "failed",
        "test_it.py::test_skipped": "skipped",
        "test_it.py::test_xfailed": "xfailed",
        "test_it.py::test_error": "error",
        "test_it.py::test_forked": "passed",
        "test_it.py::test_ends": "passed",
    }
    assert "no" in seen.details["test_it.py::test_bad"]
    assert seen.counts() == {"passed": 3, "xfailed": 1, "skipped": 1, "failed": 1, "error": 1}


def test_a_run_whose_process_ends_early_says_in_which_test(tmp_path: Path) -> None:
    seen = run_of(tmp_path, table.Suite("x", "1.0", environment=(("END", "1"),)))()
    assert seen.broken == "ended with exit code 7 in test_it.py::test_ends"


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    suite = table.Suite("x", "1.0", limit=20.0)
    run = run_of(tmp_path, suite)
    (run.source / "test_it.py").write_text("import time\ndef test_long(): time.sleep(90)\n")
    seen = run()
    assert seen.outcomes == {"test_it.py::test_long": "hangs"}
    assert seen.broken == "out of time in test_it.py::test_long"


def test_the_patched_world_is_patched_and_waits_greenly(tmp_path: Path) -> None:
    run = run_of(tmp_path, world="patched")
    (run.source / "test_it.py").write_text("import time\ndef test_wait(): time.sleep(0.1)\n")
    seen = run()
    assert not seen.broken
    assert seen.proof["patched"] > 100
    assert seen.proof["waits"] > 0
    assert seen.proof["beats"] > 1


def test_the_installed_world_makes_green_tasks_without_patches(tmp_path: Path) -> None:
    run = run_of(tmp_path, world="installed")
    (run.source / "test_it.py").write_text(
        "import asyncio, greenbridge\n"
        "def test_green():\n"
        "    async def main(): return greenbridge.is_green()\n"
        "    assert asyncio.run(main())\n"
        "    assert not greenbridge.patched()\n"
    )
    assert run().outcomes == {"test_it.py::test_green": "passed"}


def test_an_archive_is_unpacked_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "x-1.0" / "tests").mkdir(parents=True)
    (tmp_path / "x-1.0" / "tests" / "test_it.py").write_text("# here\n")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "x-1.0", "x-1.0")
    unpack(tmp_path / "x.tar.gz", tmp_path / "source")
    taken = table.Suite("x", "1.0", take=("tests/test_it.py",))
    copied(taken, tmp_path / "source", tmp_path / "work")
    assert [str(p.relative_to(tmp_path / "work")) for p in (tmp_path / "work").rglob("*.py")] == [
        "tests/test_it.py"
    ]


def test_what_was_recorded_is_of_the_table_and_nothing_is_open() -> None:
    whole = table.load()
    suites = {suite.name: suite for suite in whole.suites}
    for key, seen in recorded.load().items():
        name, python, world, loop = key.split(" / ")
        assert world in suites[name].worlds
        rows = whole.differences_of(name, world, python, loop)
        assert not [test for test in seen["differ"] if table.matching(rows, test) is None], key


def test_the_page_shows_every_row() -> None:
    whole = table.load()
    page = render_suites.page()
    assert all(f"`{row.test}`" in page for row in whole.differences)
    assert all(f"`{row.test}`" in page for row in whole.left_out)


def test_the_page_says_how_many_tests_differ_without_a_row(tmp_path: Path) -> None:
    whole = load(tmp_path, suite() + difference(test="t.py::a*"))
    told = partial(render_suites.unlisted, whole, "x / 3.11 / patched / uvloop")
    assert told({"differ": {}}) == "none"
    assert told({"differ": {"t.py::a1": ["passed", "failed"]}}) == "1"
    assert told({"differ": {"t.py::a1": [], "t.py::b": []}}) == "2, 1 open"


def test_counts_say_what_passed_failed_and_was_skipped() -> None:
    seen = {"passed": 5, "xfailed": 1, "failed": 1, "error": 1, "hangs": 1, "skipped": 2}
    assert render_suites.counts(seen, 3.6) == "6 / 3 / 2, 4 s"


def test_the_suites_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suites", "--list", "--only", "janus"]) == 0
    assert capsys.readouterr().out.startswith("janus 2.")


def test_an_unknown_suite_cannot_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suites", "--only", "nothing"]) == 2
    assert "no suite is called nothing" in capsys.readouterr().err
