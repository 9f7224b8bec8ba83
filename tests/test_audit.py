"""``python -m greenbridge audit`` names what holds a loop up, and blames nobody else."""

from __future__ import annotations

import json
import os
import textwrap
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from .audit_programs import EXPECTED, HOLDS, LOADED
from .cli_programs import python
from .sarif_schema import SARIF

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

#: Green code that holds the loop for a second, for tests of other things.
HOLD = """
import ctypes, sys, time, greenbridge
def holds():
    ctypes.CDLL(None).usleep(1_000_000)
threads = [greenbridge.spawn(time.sleep, 1.5), greenbridge.spawn(holds)]
for thread in threads:
    thread.join()
"""
LIMIT = ("--limit", "0.3")


def audited(
    folder: Path, code: str, *options: str, args: tuple[str, ...] = ()
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    (folder / "shop.py").write_text(textwrap.dedent(code), encoding="utf-8")
    words = ("-m", "greenbridge", "audit", *LIMIT, *options)
    words += ("--format", "json", "--output", "r.json")
    # Some of them compute for seconds, on a machine that others compute on.
    done = python(folder, *words, "shop.py", *args, timeout=110)
    assert (folder / "r.json").exists(), done.stderr
    return json.loads((folder / "r.json").read_text(encoding="utf-8")), done


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_each_kind_of_hold_is_named_and_nothing_else(loop: str, tmp_path: Path) -> None:
    report, done = audited(tmp_path, HOLDS, "--loop", loop)
    assert (done.stderr, done.returncode, report["exit_code"]) == ("", 0, 0)
    holds = {hold["function"]: hold for hold in report["holds"]}
    # One call that keeps the interpreter may begin before the watchdog has looked again after an
    # idle time (see the guide): then nothing proves how long it took.
    missed = {"matches"} - set(holds)
    expected = [row for row in EXPECTED if row[0] not in missed]
    assert set(holds) == {name for name, *_ in expected}, report
    for function, kind, what, instead in expected:
        hold = holds[function]
        assert (hold["kind"], hold["count"]) == (kind, 1), hold
        assert hold["what"].removeprefix("_") == what, hold
        assert instead in hold["instead"], hold
        assert hold["who"] == f"green thread {function!r}"
        assert hold["file"] == str(tmp_path / "shop.py")
        assert hold["longest_s"] >= 0.3
        source = (tmp_path / "shop.py").read_text(encoding="utf-8").splitlines()
        assert hold["code"] == source[hold["line"] - 1].strip()
        outermost = hold["stack"][-1]
        assert (outermost["file"], outermost["function"]) == (hold["file"], function)
    assert {h["function"] for h in report["holds"] if h["holds_gil"]} == {"matches"} & set(holds)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_program_that_behaves_is_not_blamed_for_a_loaded_machine(
    loop: str, tmp_path: Path
) -> None:
    report, done = audited(tmp_path, LOADED, "--loop", loop)
    assert (done.stderr, done.returncode) == ("", 0)
    assert report["loops"] == 1
    assert report["holds"] == []


def test_the_main_program_alone_holds_nobody_up(tmp_path: Path) -> None:
    code = """
    import ctypes, greenbridge, time
    greenbridge.spawn(time.sleep, 0.01).join()  # the loop runs, and goes on running
    ctypes.CDLL(None).usleep(800_000)
    time.sleep(0.01)
    """
    report, _ = audited(tmp_path, code)
    assert (report["loops"], report["holds"]) == (1, [])


def test_the_main_program_that_lets_green_threads_wait_is_told(tmp_path: Path) -> None:
    code = """
    import ctypes, greenbridge, time
    thread = greenbridge.spawn(time.sleep, 0.01)
    time.sleep(0.001)
    ctypes.CDLL(None).usleep(1_000_000)
    thread.join()
    """
    report, _ = audited(tmp_path, code)
    (hold,) = report["holds"]
    assert (hold["who"], hold["line"]) == ("the main program", 5)


def test_no_loop_no_report(tmp_path: Path) -> None:
    report, done = audited(tmp_path, "import ctypes; ctypes.CDLL(None).usleep(500_000)")
    assert (report["loops"], report["holds"], done.returncode) == (0, [], 0)


PLAIN_TASK = """
import asyncio, ctypes, time, greenbridge

async def plain_task():
    time.sleep(1)

async def nested():
    ctypes.CDLL(None).usleep(1_000_000)

async def main():
    if {debug}:
        asyncio.get_running_loop().set_debug(True)
        asyncio.get_running_loop().slow_callback_duration = 100
    await asyncio.create_task(greenbridge.plain(plain_task()), name="plain one")
    await asyncio.sleep(0.01)
    thread = greenbridge.spawn(asyncio.run, nested())
    await thread
    await asyncio.sleep(0.01)
    asyncio.get_running_loop().call_soon(time.sleep, 1)
    await asyncio.sleep(0.01)

{run}
"""
RUNS = {
    "asyncio.run": "asyncio.run(main())",
    "greenbridge.run": "greenbridge.run(main)",
    "a loop of its own": "asyncio.SelectorEventLoop().run_until_complete(main())",
    "another OS thread": "import threading\ngreenbridge.offload(asyncio.run, main())\n",
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
def test_tasks_callbacks_and_nested_loops(run: str, debug: bool, tmp_path: Path) -> None:
    code = PLAIN_TASK.format(run=RUNS[run], debug=debug)
    report, done = audited(tmp_path, code)
    holds = {hold["function"]: hold for hold in report["holds"]}
    assert done.returncode == 0, done.stderr
    plain = holds["plain_task"]
    assert plain["what"] == "time.sleep"
    assert plain["who"] == "task 'plain one' (plain_task)"
    assert "greenbridge.install()" in plain["instead"]
    assert holds["nested"]["what"] == "ctypes.CDLL(None).usleep"
    assert len(holds) == 3, report
    (callback,) = holds.keys() - {"plain_task", "nested"}
    assert holds[callback]["who"] == "a callback of the event loop"
    assert "greenbridge.spawn(function)" in holds[callback]["instead"]


@pytest.mark.parametrize(
    ("options", "end", "code"),
    [
        ((), "", 0),
        ((), "sys.exit(3)", 3),
        ((), "1 / 0", 1),
        (("--fail",), "", 1),
        (("--fail",), "sys.exit(0)", 1),
        (("--fail",), "sys.exit(3)", 3),
        (("--fail", "--limit", "30"), "", 0),
    ],
)
def test_the_exit_code(options: tuple[str, ...], end: str, code: int, tmp_path: Path) -> None:
    report, done = audited(tmp_path, HOLD + end, *options)
    assert done.returncode == code, done.stderr
    assert report["exit_code"] == (0 if code == 1 and options else code)
    assert ("Traceback" in done.stderr) == ("1 / 0" in end)
    assert "_cli" not in done.stderr


def test_a_hold_is_counted_at_its_place(tmp_path: Path) -> None:
    code = HOLD.replace("greenbridge.spawn(holds)", "*map(greenbridge.spawn, [holds] * 3)")
    code = code.replace("def holds():", "def holds():\n    time.sleep(0.05)")
    report, _ = audited(tmp_path, code)
    (hold,) = report["holds"]
    assert hold["count"] == 3
    assert hold["total_s"] >= 3 * 0.3
    assert hold["total_s"] >= hold["longest_s"]


@pytest.mark.parametrize("start", ["-m", "-c"])
def test_modules_and_code_are_audited_as_they_are_run(start: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(HOLD + "print(sys.argv[1:])", encoding="utf-8")
    word = "shop" if start == "-m" else "import shop"
    done = python(tmp_path, "-m", "greenbridge", "audit", *LIMIT, start, word, "--fail", "x")
    assert done.stdout.startswith("['--fail', 'x']\n"), done.stderr
    assert "1. ctypes.CDLL(None).usleep blocked once" in done.stdout
    assert "shop.py:4 in holds: ctypes.CDLL(None).usleep(1_000_000)" in done.stdout
    assert "write: greenbridge.offload(" in done.stdout
    assert done.returncode == 0


def test_sarif_is_valid_and_points_at_the_line(tmp_path: Path) -> None:
    (tmp_path / "my shop.py").write_text(HOLD, encoding="utf-8")
    words = ("--format", "sarif", "--output", "r.sarif", "my shop.py")
    python(tmp_path, "-m", "greenbridge", "audit", *LIMIT, *words)
    report = json.loads((tmp_path / "r.sarif").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(SARIF).validate(report)
    (run,) = report["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "my%20shop.py", "uriBaseId": "SRCROOT"}
    assert place["region"]["startLine"] == 4
    assert result["occurrenceCount"] == 1
    assert "greenbridge.offload(" in result["message"]["text"]
    root = run["originalUriBaseIds"]["SRCROOT"]["uri"]
    assert root == tmp_path.resolve().as_uri() + "/"


def test_sarif_without_a_finding_is_valid(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "greenbridge", "audit", "--format", "sarif", "-c", "pass")
    report = json.loads(done.stdout)
    jsonschema.Draft7Validator(SARIF).validate(report)
    assert report["runs"][0]["results"] == []


def test_names_that_were_bound_too_early_are_told_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text(
        "import socket\nfrom time import sleep as pause\n\n\ndef wait(by=pause):\n    by(1)\n\n\n"
        "class Mine(socket.socket):\n    pass\n",
        encoding="utf-8",
    )
    code = "import early\nimport greenbridge.auto\n"
    report, _ = audited(tmp_path, code, "--no-patch")
    found = {(row["name"], row["original"], row["line"]) for row in report["unpatched"]}
    assert found == {
        ("early.pause", "time.sleep", 2),
        ("early.wait.by", "time.sleep", 5),
        ("early.Mine", "socket.socket", 9),
    }
    report, _ = audited(tmp_path, code)  # patched first: they hold stand-ins
    assert report["unpatched"] == []


def test_the_child_of_a_fork_writes_no_report(tmp_path: Path) -> None:
    code = """
    import os, sys, time, greenbridge
    greenbridge.spawn(time.sleep, 0.01).join()
    pid = os.fork()
    if not pid:
        greenbridge.spawn(time.sleep, 0.01).join()  # it can go on, with a loop of its own
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    (tmp_path / "shop.py").write_text(textwrap.dedent(code), encoding="utf-8")
    done = python(tmp_path, "-m", "greenbridge", "audit", "shop.py")
    assert done.stdout.startswith("7\n\ngreenbridge audit, limit 0.05 s: "), done.stdout
    assert done.stdout.count("greenbridge audit") == 1


def test_the_report_goes_where_the_program_was_started(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    report, _ = audited(tmp_path, "import os; os.chdir('sub')")
    assert report["holds"] == []


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    words = ("audit", "--output", os.path.join("none", "r.json"), "-c", "print('ran')")
    done = python(tmp_path, "-m", "greenbridge", *words)
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    assert "python -m greenbridge audit: error: " in done.stderr
    assert "Traceback" not in done.stderr
