"""``python -m greenbridge PROGRAM`` does what ``python PROGRAM`` does, to the last byte."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from greenbridge import __version__

from .cli_programs import CASES, lay_out, python
from .conftest import FRESH_TIMEOUT, ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", CASES)
def test_a_program_behaves_as_under_python(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    words, stdin = lay_out(case, tmp_path), textwrap.dedent(case.stdin)
    with ThreadPoolExecutor() as both:
        starts = (words, ["-m", "greenbridge", *words])
        plain, ours = both.map(
            lambda start: python(tmp_path, *start, stdin=stdin, flags=case.flags), starts
        )
    # The frame of the green input(): the C function that it stands for has none.
    ours_stderr = re.sub(
        r'  File "[^"]*/green/stdin\.py".*\n    .*\n(    [ ~^]+\n)?', "", ours.stderr
    )
    assert ours_stderr == plain.stderr
    assert ours.stdout == plain.stdout
    assert ours.returncode == plain.returncode


@pytest.mark.parametrize(
    "words", ["", "run", "--loop asyncio", "run --only time,socket --exclude=ssl"]
)
def test_options_of_ours_are_not_the_programs(words: str, tmp_path: Path) -> None:
    done = python(
        tmp_path, "-m", "greenbridge", *words.split(), "-c", "import sys; print(sys.argv)", "--loop"
    )
    assert (done.stdout, done.stderr) == ("['-c', '--loop']\n", "")


def test_only_and_exclude_choose_what_is_patched(tmp_path: Path) -> None:
    code = "import greenbridge as g; print([g.is_module_patched(m) for m in ('time', 'select')])"
    for options, expected in (
        ([], [True, True]),
        (["--only", "time"], [True, False]),
        (["--exclude", "time,ssl"], [False, True]),
        (["--only", "time", "--only=select", "--exclude=select"], [True, False]),
    ):
        done = python(tmp_path, "-m", "greenbridge", *options, "-c", code)
        assert done.stdout == f"{expected}\n", (options, done.stderr)


@pytest.mark.parametrize(
    ("name", "module"), [("uvloop", "uvloop"), ("asyncio", "asyncio.unix_events")]
)
def test_loop_chooses_the_loop(name: str, module: str, tmp_path: Path) -> None:
    code = """if 1:
        import asyncio, greenbridge
        async def kind():
            return type(asyncio.get_running_loop()).__module__
        print(greenbridge.run(kind), greenbridge.spawn(lambda: greenbridge.await_(kind())).get())
    """
    done = python(tmp_path, "-m", "greenbridge", "--loop", name, "-c", code)
    assert done.stdout == f"{module} {module}\n", done.stderr


def test_blocking_calls_of_the_program_are_cooperative(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import time, greenbridge\n"
        "began = time.monotonic()\n"
        "for job in [greenbridge.spawn(time.sleep, 0.2) for _ in range(50)]:\n"
        "    job.join()\n"
        "print(time.monotonic() - began < 2)\n"
    )
    done = python(tmp_path, "-m", "greenbridge", "a.py")
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_ctrl_c_ends_a_blocking_program_by_its_signal(tmp_path: Path) -> None:
    code = "import time; print('ready', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-m", "greenbridge", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=FRESH_TIMEOUT)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "_cli" not in errors
    assert process.returncode == -signal.SIGINT


BAD_WORDS = {
    "--only nonsense a.py": "nonsense",
    "--only , a.py": "write names with commas between, as in time,socket",
    "--loop trio a.py": "'uvloop', 'asyncio'",
    "--onyl time a.py": "unrecognized arguments: --onyl",
    "-m": "expected one argument",
    "run -c": "expected one argument",
    "demo -n 0": "write a whole number from 1 to 10000, as in -n 100",
    "demo -n many": "write a whole number from 1 to 10000, as in -n 100",
    "demo -n 10001": "write a whole number from 1 to 10000, as in -n 100",
    "demo --latency nan": "write seconds from 0 to 10, as in --latency 0.05",
    "demo --latency -1": "write seconds from 0 to 10, as in --latency 0.05",
    "demo --latency 10.5": "write seconds from 0 to 10, as in --latency 0.05",
    "demo more": "unrecognized arguments: more",
    "patches --jsn": "unrecognized arguments: --jsn",
}


@pytest.mark.parametrize("words", BAD_WORDS)
def test_bad_words_are_refused_with_what_to_write(words: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print('must not run')")
    done = python(tmp_path, "-m", "greenbridge", *words.split())
    assert BAD_WORDS[words] in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (2, "")


def test_help_names_every_command(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "greenbridge", "--help", flags=("-W", "error"))
    assert done.returncode == 0
    for word in ("run", "patches", "demo", "-m module", "-c code", "script.py", "--version"):
        assert word in done.stdout
    run_help = python(tmp_path, "-m", "greenbridge", "run", "--help").stdout
    for word in ("--only", "--exclude", "--loop"):
        assert word in run_help


def test_version_is_told(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "greenbridge", "--version")
    assert done.stdout == f"greenbridge {__version__} on Python {sys.version.split()[0]}\n"


def test_patches_lists_what_is_replaced_and_what_is_kept_and_why(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "greenbridge", "patches", "--json", flags=("-W", "error"))
    assert (done.stderr, done.returncode) == ("", 0)
    rows = {(row["module"], row["name"]): row for row in json.loads(done.stdout)["patches"]}
    assert rows["time", "sleep"]["what"] == "greenbridge.green.time:sleep"
    assert rows["time", "sleep"]["state"] == "not"
    kept = [row for row in rows.values() if row["state"] == "kept"]
    assert kept
    assert all(row["reason"] for row in kept)
    table = python(tmp_path, "-m", "greenbridge", "patches", flags=("-W", "error"))
    assert (table.stderr, table.returncode) == ("", 0)
    for module, name in rows:
        assert module in table.stdout
        assert name in table.stdout
