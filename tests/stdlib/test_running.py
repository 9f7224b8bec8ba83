"""One suite in a process of its own: what is recorded when tests pass, fail, hang or crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stdlib import __main__ as program
from tests.stdlib.baseline import Baseline, Identity, identify
from tests.stdlib.comparing import proof_problems
from tests.stdlib.running import Record, Runner, allow_signals
from tests.stdlib.suites import Suite
from tests.stdlib.worlds import WORLDS

SUITE = Suite("test_x", "foundation", limit=20.0)
#: A child that reports like tests.stdlib.child; the lines say what happens to which test.
FAKE = """
import json, os, sys, time
fd = int(os.environ["GREENBRIDGE_STDLIB_REPORT"])
def send(event, **fields):
    os.write(fd, (json.dumps({"event": event, **fields}) + "\\n").encode())
def case(name, outcome, *rest):
    options = list(zip(sys.argv, sys.argv[1:]))
    if ("-i", name) in options or ("-m" in sys.argv and ("-m", name) not in options):
        return
    send("start", id=name)
    if outcome == "hangs":
        time.sleep(60)
    if outcome == "dies":
        os._exit(7)
    send("result", id=name, outcome=outcome, detail="a detail")
    send("stop", id=name, seconds=0.5)
send("begin", green=False)
"""


def run(
    tmp_path: Path, *lines: str, test_limit: float = 10.0, hanging: tuple[str, ...] = ()
) -> Record:
    """Run a fake suite with these lines."""
    code = FAKE + "\n".join(lines)
    runner = Runner((sys.executable,), (), tmp_path, test_limit, child=("-c", code))
    return runner.run(SUITE, hanging=hanging)


def test_outcomes_and_seconds_are_recorded(tmp_path: Path) -> None:
    done = run(tmp_path, 'case("a", "ok")', 'case("b", "skipped")', 'send("end", green=True)')
    assert done.outcomes == {"a": "ok", "b": "skipped"}
    assert done.seconds == {"a": 0.5, "b": 0.5}
    assert [proof["green"] for proof in done.proofs] == [False, True]


def test_the_worst_outcome_of_a_test_stays(tmp_path: Path) -> None:
    lines = ['send("result", id="a", outcome=o, detail="") ' for _ in "x"]
    done = run(tmp_path, 'for o in ("failed", "ok"):', "  " + lines[0], 'send("end")')
    assert done.outcomes == {"a": "failed"}


def test_a_hung_test_is_named_and_the_rest_still_runs(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        'case("a", "ok")',
        'case("b", "hangs")',
        'case("c", "ok")',
        'send("end")',
        test_limit=0.5,
    )
    assert done.outcomes == {"a": "ok", "b": "hung", "c": "ok"}
    assert len(done.logs) == 2


def test_what_is_known_to_hang_is_run_by_itself(tmp_path: Path) -> None:
    lines = ('case("a", "ok")', 'case("b", "hangs")', 'case("c", "ok")', 'send("end")')
    done = run(tmp_path, *lines, test_limit=0.5, hanging=("b",))
    assert done.outcomes == {"a": "ok", "b": "hung", "c": "ok"}
    assert len(done.logs) == 2  # the others have run once
    done = run(tmp_path, *lines, test_limit=0.5, hanging=("b", "c"))
    assert done.outcomes == {"a": "ok", "b": "hung", "c": "ok"}


def test_the_process_of_what_is_known_to_hang_may_hang_as_well(tmp_path: Path) -> None:
    lines = ['case("a", "ok")', 'case("b", "failed")', 'send("end")', "if '-m' in sys.argv:"]
    done = run(tmp_path, *lines, "    time.sleep(60)", test_limit=0.5, hanging=("b",))
    assert done.outcomes == {"a": "ok", "b": "hung"}


def test_a_process_that_does_not_end_is_stopped_when_its_tests_are_done(tmp_path: Path) -> None:
    done = run(tmp_path, 'case("a", "ok")', 'send("end")', "time.sleep(60)", test_limit=0.5)
    assert done.outcomes == {"a": "ok", "test_x (process)": "hung"}
    assert len(done.logs) == 1  # another one would do the same


def test_a_crash_is_put_down_to_the_test_that_ran(tmp_path: Path) -> None:
    done = run(tmp_path, 'case("a", "ok")', 'case("b", "dies")')
    assert done.outcomes == {"a": "ok", "b": "crashed"}
    assert "exit status 7" in done.details["b"]


def test_a_failure_outside_all_tests_is_recorded(tmp_path: Path) -> None:
    done = run(tmp_path, 'send("end")', "sys.exit(2)")
    assert done.outcomes == {"test_x (process)": "crashed"}


def test_a_changed_environment_is_recorded(tmp_path: Path) -> None:
    done = run(tmp_path, 'case("a", "ok")', 'send("end")', "sys.exit(3)")
    assert done.outcomes == {"a": "ok", "test_x (environment)": "changed"}


def test_a_left_behind_child_that_holds_the_report_open_is_not_waited_for(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        'send("end")',
        "if os.fork() == 0:",
        "    time.sleep(3)",
        "    os._exit(0)",
    )
    assert done.outcomes == {}
    assert done.total < 2.5


def test_children_do_not_ignore_signals_that_we_ignore() -> None:
    ask = [
        sys.executable,
        "-c",
        "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_DFL)",
    ]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with allow_signals():
            said = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert said == "True\n"


def test_a_real_suite_runs_plainly(tmp_path: Path) -> None:
    done = Runner((sys.executable,), (), tmp_path).run(
        Suite("test_sched", "foundation", limit=60.0)
    )
    assert set(done.outcomes.values()) == {"ok"}
    assert "test.test_sched.TestCase.test_enter" in done.outcomes
    assert [proof["event"] for proof in done.proofs] == ["begin", "end"]
    assert {proof["socket"] for proof in done.proofs} == {"socket.socket"}


def test_a_suite_is_allowed_the_resources_that_its_python_knows(tmp_path: Path) -> None:
    suite = Suite("test_x", "foundation", resources=("cpu", "walltime"))
    runner = Runner((), (), tmp_path, resources=frozenset({"cpu", "gui"}))
    assert runner.options(suite, ["a"], ["b"])[2:] == ["-u", "cpu", "-m", "b", "-i", "a"]
    assert "-u" not in Runner((), (), tmp_path).options(suite)


def test_a_python_is_asked_who_it_is() -> None:
    identity = identify((sys.executable,))
    assert identity.python == sys.version_info[:2]
    assert {"test_socket", "test_asyncio"} <= identity.tests
    with pytest.raises(ValueError, match="does not work as a Python"):
        identify((str(Path(os.devnull)),))


def test_plain_results_are_kept_for_the_same_options(tmp_path: Path) -> None:
    kept = Baseline(tmp_path, Identity((3, 11), "3.11.0", "key", frozenset()))
    record = Record("test_x", outcomes={"a": "ok"})
    assert kept.get("test_x", []) is None
    kept.put(record, ["-i", "b"])
    assert kept.get("test_x", ["-i", "b"]) == record
    assert kept.get("test_x", []) is None


@pytest.mark.parametrize(
    "arguments",
    [["--only", "test_sokcet"], ["-j", "0"], ["--time-limit", "nan"], ["--python", "/"]],
)
def test_bad_arguments_end_the_program_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = program.main(arguments)
    except SystemExit as exit_:
        status = exit_.code  # type: ignore[assignment]
    assert status == 2
    assert "python -m tests.stdlib" in capsys.readouterr().err


def test_the_program_records_plain_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    arguments = ["--plain", "--only", "test_sched", "--baseline", str(tmp_path / "kept")]
    assert program.main([*arguments, "--json", str(report)]) == 0
    assert "test_sched" in capsys.readouterr().out
    assert '"test.test_sched.TestCase.test_enter": "ok"' in report.read_text()
    assert list((tmp_path / "kept").glob("*/test_sched.json"))


def test_what_is_not_installed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Suite("test_not_there", "foundation", optional=True)
    monkeypatch.setattr(program, "chosen", lambda *_: [missing, Suite("test_sched", "foundation")])
    arguments = ["--plain", "--only", "foundation", "--baseline", str(tmp_path)]
    assert program.main(arguments) == 0
    said = capsys.readouterr().out
    assert "not installed with this Python: test_not_there" in said
    assert [line.split()[0] for line in said.splitlines() if line.startswith("test_")] == [
        "test_sched"
    ]


@pytest.mark.parametrize("inside", WORLDS)
def test_a_real_suite_runs_greenly_in_every_world(tmp_path: Path, inside: str) -> None:
    runner = Runner((sys.executable,), ("-m", "greenbridge"), tmp_path, inside=inside)
    suite = Suite("test_sched", "foundation", limit=60.0)
    done = runner.run(suite)
    assert set(done.outcomes.values()) == {"ok"}
    assert proof_problems(done, suite) == []
    assert done.proofs[-1]["beats"] > 0
