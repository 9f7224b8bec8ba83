#!/usr/bin/env python3
"""The CPythons that greenbridge supports, and where this machine has them.

    python3 .ci/pythons.py                show them

Needs a Python 3.10 and nothing installed. Interpreters come from PATH, pyenv, uv and /opt/python;
what is missing of 3.14 and 3.15 comes from Debian (.ci/newer-pythons) where that is possible.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEWER = ROOT / ".ci" / "newer-pythons"
_ABOUT = """
import ensurepip, importlib.util, json, platform, sys, sysconfig, venv
tests = importlib.util.find_spec("test") and importlib.util.find_spec("test.test_socket")
print(json.dumps([platform.python_implementation(), list(sys.version_info[:3]),
    platform.python_version(), bool(tests), bool(sysconfig.get_config_var("Py_GIL_DISABLED"))]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A CPython and how to start it: *prefix* is empty, or the command that enters its folder."""

    series: str
    version: str
    executable: str
    has_tests: bool
    prefix: tuple[str, ...] = ()


def supported() -> list[str]:
    """Give the versions that pyproject.toml's classifiers name, oldest first."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def cache_folder() -> Path:
    """Where virtual environments and the Debian folder stay between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "greenbridge-ci"


def candidates(series: str) -> list[Path]:
    """List the files that may be a Python of *series*, in no order of merit."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    found = [Path(p) / f"python{series}" for p in os.get_exec_path()]
    found += pyenv.glob(f"versions/{series}.*/bin/python{series}")
    found += (home / ".local/share/uv/python").glob(f"cpython-{series}.*/bin/python{series}")
    found += Path("/opt/python").glob(f"*/bin/python{series}")
    return [p for p in dict.fromkeys(found) if p.exists()]


def examine(command: list[str], prefix: tuple[str, ...] = ()) -> Interpreter | None:
    """Start a Python and describe it; None if it is broken, has no venv or is free-threaded."""
    try:
        done = subprocess.run(
            [*prefix, *command, "-I", "-c", _ABOUT],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        name, triple, version, has_tests, no_gil = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None  # a pyenv shim without a version behind it, a Debian Python without venv, ...
    if name != "CPython" or no_gil:
        return None
    return Interpreter(f"{triple[0]}.{triple[1]}", version, command[0], has_tests, prefix)


def merit(python: Interpreter) -> tuple[bool, list[int]]:
    """One with its test package is better, then the newer one."""
    return python.has_tests, [int(n) for n in re.findall(r"\d+", python.version)]


def find(wanted: list[str], newer_folder: Path) -> tuple[dict[str, Interpreter], dict[str, str]]:
    """Find an interpreter for each version; second, why there is none for the others."""
    here: dict[str, Interpreter] = {}
    for series in wanted:
        known = [p for path in candidates(series) if (p := examine([str(path)]))]
        known = [p for p in known if p.series == series]
        if known:
            here[series] = max(known, key=merit)
    why = {s: "no such interpreter on this machine" for s in wanted if s not in here}
    from_debian = [s for s in why if re.search(rf"VERSIONS=\(.*{re.escape(s)}", NEWER.read_text())]
    if from_debian:
        made = subprocess.run(
            [str(NEWER), "make", str(newer_folder)], capture_output=True, text=True, check=False
        )
        for series in from_debian:
            if made.returncode == 0:
                prefix = (str(NEWER), "enter", str(newer_folder))
                if python := examine([f"/usr/bin/python{series}"], prefix):
                    here[series] = python
                    del why[series]
            else:
                why[series] += f", and {(made.stderr.strip().splitlines() or ['?'])[-1]}"
    return here, why


def main() -> int:
    """Show the interpreters; the exit code is 1 if one is missing."""
    found, missing = find(supported(), cache_folder() / "newer-pythons")
    for series in supported():
        if python := found.get(series):
            tests = "" if python.has_tests else ", without its test package"
            print(f"{series:6}{python.executable} {python.version}{tests}")
        else:
            print(f"{series:6}- {missing[series]}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
