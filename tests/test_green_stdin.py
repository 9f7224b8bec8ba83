"""Standard input: who reads it parks. Each test is a program with a pipe or a terminal."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge.green.stdin import input as green_input

from .conftest import ROOT
from .fresh import in_fresh_python
from .green import LONG

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import FreshPython

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not patched there")

PROGRAM = """
import greenbridge.auto, greenbridge, sys, threading, time
ticks = []
def tick():
    while True:
        time.sleep(0.01)
        ticks.append(1)
        if len(ticks) == 3:
            print("ticking", flush=True)
def read(out):
    out.append({})
thread = threading.Thread(target=tick, daemon=True)
thread.start()
out = []
reader = threading.Thread(target=read, args=(out,))
reader.start()
reader.join()
print(out, flush=True)
"""


def start(
    expression: str, stdin: Any, stdout: Any = subprocess.PIPE, stderr: Any = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(expression)],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("input()", "'line'"),
        ("sys.stdin.readline()", "'line\\n'"),
        ("sys.stdin.read()", "'line\\nmore\\n'"),
        ("list(sys.stdin)", "['line\\n', 'more\\n']"),
        ("sys.stdin.buffer.readline()", "b'line\\n'"),
        ("sys.stdin.buffer.raw.read(100)", "b'line\\nmore\\n'"),
    ],
)
def test_a_pipe(expression: str, result: str) -> None:
    with start(expression, subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ticking\n"  # while it waits for its input
        process.stdin.write("line\nmore\n")
        process.stdin.close()
        assert process.stdout.readline() == f"[{result}]\n"
        assert process.wait(LONG) == 0


def test_the_end_of_a_pipe() -> None:
    expression = 'str(type((lambda: __import__("pytest").raises(EOFError, input).value)()))'
    with start(expression, subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ticking\n"
        process.stdin.close()
        assert process.stdout.readline() == "[\"<class 'EOFError'>\"]\n"


def _until(terminal: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        try:
            part = os.read(terminal, 1000)
        except OSError as error:
            if error.errno != errno.EIO:  # the other end is closed
                raise
            part = b""
        assert part, seen
        seen += part
    return seen


@pytest.mark.parametrize("module", ["", "__import__('readline') and "])
def test_a_terminal(module: str) -> None:
    terminal, program = os.openpty()
    with start(f"{module}input('name? ')", program, program) as process:
        os.close(program)
        seen = _until(terminal, b"ticking")
        assert b"name? " in seen
        os.write(terminal, b"wrng\x08\x08\x08rong\n")
        assert b"[" in _until(terminal, b"]")
        assert process.wait(LONG) == 0
    os.close(terminal)


def test_the_end_of_a_terminals_input() -> None:
    terminal, program = os.openpty()
    with start("input()", program, program, stderr=subprocess.PIPE) as process:
        os.close(program)
        _until(terminal, b"ticking")
        os.write(terminal, b"\x04")  # Ctrl-D
        assert b"[]" in _until(terminal, b"]")  # nothing was read
        assert process.stderr is not None
        assert "EOFError" in process.stderr.read()
    os.close(terminal)


def test_a_file_on_disk_is_left_alone(fresh_python: FreshPython, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("first\nsecond\n")
    code = (
        "import sys\nbefore = sys.stdin\nfirst = input()\nimport greenbridge.auto, threading\n"
        "assert sys.stdin is before\n"
        "threading.Thread(target=lambda: print(first, input())).start()\n"
    )
    with path.open() as file:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=file,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert done.stdout == "first second\n"


@in_fresh_python
def test_it_is_a_file_of_the_same_kind_and_goes_back() -> None:
    import greenbridge

    reader, writer = os.pipe()
    os.dup2(reader, 0)
    before = sys.stdin = io.TextIOWrapper(
        io.BufferedReader(io.FileIO(0, closefd=False)), "latin-1", "replace"
    )
    with greenbridge.patch_all():
        green = sys.stdin
        assert green is not before
        assert isinstance(green, io.TextIOWrapper)
        assert isinstance(green.buffer, io.BufferedReader)
        assert (green.encoding, green.errors, green.fileno()) == ("latin-1", "replace", 0)
        assert green.name == before.name
        os.write(writer, "grün\n".encode("latin-1"))
        assert input() == "grün"
    assert sys.stdin is before
    with greenbridge.patch_all():
        sys.stdin = own = io.StringIO("own\n")
        assert green_input() == "own"
    assert sys.stdin is own
    os.close(reader)
    os.close(writer)
