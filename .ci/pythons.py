#!/usr/bin/env python3
"""Run the unit suite, the stdlib's suites, or both, on every CPython that greenbridge supports.

    python3 .ci/pythons.py                          both suites on 3.10 to 3.15
    python3 .ci/pythons.py unit --only 3.12 -- -k hub       one suite, one version, pytest's options
    python3 .ci/pythons.py --list                   what would run, and where it was found

Needs a Python 3.10 and nothing installed. Interpreters come from PATH, pyenv, uv and /opt/python;
what is missing of 3.14 and 3.15 comes from Debian (.ci/newer-pythons) where that is possible. Each
gets a virtual environment in the cache folder, the project with its test extra in it, and its
suites, two at a time. An interpreter that this machine does not have is reported as not run.
The last line counts; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parent.parent
NEWER = ROOT / ".ci" / "newer-pythons"
#: Seconds that a step may take before its whole process group is killed: several times what the
#: slowest machine needed.
LIMITS = {"install": 600, "unit": 1500, "stdlib": 2400}
#: Exit code by which .ci/newer-pythons says that this machine cannot have them.
CANNOT = 3
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


@dataclass
class Result:
    """What one suite did on one Python: *verdict* is passed, failed or not run."""

    series: str
    suite: str
    verdict: str
    words: str = ""
    seconds: float = 0.0
    log: Path | None = field(default=None, repr=False)

    def __str__(self) -> str:
        time_taken = f"{self.seconds:6.0f} s" if self.seconds else " " * 8
        return f"{self.series:6}{self.suite:8}{self.verdict:9}{time_taken}  {self.words}"


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


def run_logged(
    command: list[str], log: Path, limit: float, env: dict[str, str]
) -> tuple[int, float]:
    """Run *command* with its output in *log*; give exit code and seconds. 124: took too long."""
    began = time.monotonic()
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            out.write(f"\nkilled: took longer than {limit:.0f} seconds\n".encode())
            code = 124
    return code, time.monotonic() - began


def last_words(log: Path, count: int = 1) -> str:
    """Give the last lines of a log that say something, as one."""
    lines = [line.strip(" =") for line in log.read_text(errors="replace").splitlines()]
    return "; ".join([line for line in lines if line][-count:]) or "(no output)"


class Runner:
    """Makes environments and runs suites; one object per run of the program."""

    def __init__(self, work: Path, options: list[str]) -> None:
        self.work = work
        self.options = options
        self.env = {
            **{k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}},
            "PYTHONPYCACHEPREFIX": str(work / "pycache"),  # the checkout stays clean
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "SHARED": str(work),  # for .ci/newer-pythons enter
        }
        self.locks: dict[str, Lock] = {}
        self.second_chance = Lock()
        self.ready: dict[str, bool] = {}

    def venv_python(self, python: Interpreter) -> list[str]:
        return [*python.prefix, str(self.work / f"venv-{python.version}" / "bin" / "python")]

    def prepare(self, python: Interpreter) -> bool:
        """Make the environment and install the project; once per Python and run."""
        with self.locks.setdefault(python.series, Lock()):
            if python.series not in self.ready:
                log = self.log(python.series, "install")
                venv = str(self.work / f"venv-{python.version}")
                make = [*python.prefix, python.executable, "-m", "venv", "--clear", venv]
                install = [*self.venv_python(python), "-m", "pip", "install", "-q", ".[test]"]
                self.ready[python.series] = all(
                    run_logged(command, log, LIMITS["install"], self.env)[0] == 0
                    for command in (make, install)
                )
            return self.ready[python.series]

    def log(self, series: str, suite: str) -> Path:
        return self.work / f"{series}-{suite}.log"

    def run(self, python: Interpreter, suite: str) -> Result:
        """Run one suite on one Python."""
        if suite == "stdlib" and not python.has_tests:
            return Result(python.series, suite, "not run", "its `test` package is not installed")
        if not self.prepare(python):
            log = self.log(python.series, "install")
            return Result(python.series, suite, "failed", "install: " + last_words(log), log=log)
        command = self.venv_python(python)
        if suite == "unit":
            cache = self.work / f"{python.series}-pytest"  # suites share one checkout
            command += ["-m", "pytest", "-q", "-o", f"cache_dir={cache}", *self.options]
            again = [*command, "--last-failed"]
        else:
            command += ["-m", "tests.stdlib", "--python", command[-1], *self.options]
            again = command
        log = self.log(python.series, suite)
        code, seconds = run_logged(command, log, LIMITS[suite], self.env)
        words = last_words(log, 1 if suite == "unit" else 2)
        if code != 0:
            # Once more, what failed: two suites at a time on a busy machine miss a deadline now and
            # then. What fails twice has failed; what does not is told.
            with self.second_chance:
                code, more = run_logged(again, log, LIMITS[suite], self.env)
            seconds += more
            second = last_words(log, 1 if suite == "unit" else 2)
            words = f"{words}; the second time: {second}"
        verdict = "passed" if code == 0 else "failed"
        return Result(python.series, suite, verdict, words, seconds, log)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="unit, stdlib (default: both)")
    parser.add_argument("--only", help="versions, e.g. 3.10,3.13")
    parser.add_argument("--jobs", type=int, default=2, help="suites at a time (default: 2)")
    parser.add_argument("--cache", type=Path, default=cache_folder(), help="default: %(default)s")
    parser.add_argument("--work", type=Path, help="environments and logs (default: in the cache)")
    parser.add_argument("--list", action="store_true", help="show the interpreters and stop")
    own = argv[: argv.index("--")] if "--" in argv else argv
    args = parser.parse_args(own)
    args.options = argv[len(own) + 1 :]
    args.work = (args.work or args.cache / "work").resolve()
    args.suites = args.suites or ["unit", "stdlib"]
    if unknown := set(args.suites) - {"unit", "stdlib"}:
        parser.error(f"unknown suite {', '.join(sorted(unknown))}: write unit or stdlib")
    if args.options and len(args.suites) > 1:
        parser.error("options after -- need one suite: pythons.py unit -- -k name")
    args.versions = args.only.split(",") if args.only else supported()
    if unknown := set(args.versions) - set(supported()):
        parser.error(f"{', '.join(sorted(unknown))} is not supported: {', '.join(supported())} are")
    if args.jobs < 1:
        parser.error(f"--jobs {args.jobs}: at least 1 is needed")
    return args


def main(argv: list[str]) -> int:
    args = parse(argv)
    # A shell starts background jobs with these ignored; suites about signals need the defaults.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    for folder in (args.cache, args.work):
        folder.mkdir(parents=True, exist_ok=True)
    found, missing = find(args.versions, args.cache / "newer-pythons")
    for series in args.versions:
        python = found.get(series)
        print(
            f"{series:6}", python.executable + " " + python.version if python else "-", flush=True
        )
    if args.list:
        return 0
    runner = Runner(args.work, args.options)
    results = [
        Result(s, suite, "not run", why) for s, why in missing.items() for suite in args.suites
    ]
    # Longest first, and neighbours on different Pythons, so that two workers finish together.
    jobs = [(python, suite) for suite in reversed(args.suites) for python in found.values()]
    for python, suite in jobs:
        runner.log(python.series, suite).write_text("")
        runner.log(python.series, "install").write_text("")
    with ThreadPoolExecutor(args.jobs) as pool:
        for result in pool.map(lambda job: runner.run(*job), jobs):
            results.append(result)
            print(result, flush=True)
            if result.verdict == "failed" and result.log:
                lines = result.log.read_text(errors="replace").splitlines()
                print(*(f"        {line}" for line in lines[-60:]), sep="\n", flush=True)
    print("\nsummary")
    for result in sorted(results, key=lambda r: (r.suite, args.versions.index(r.series))):
        print(result)
    count = {v: sum(r.verdict == v for r in results) for v in ("passed", "failed", "not run")}
    print(", ".join(f"{n} {verdict}" for verdict, n in count.items()))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
