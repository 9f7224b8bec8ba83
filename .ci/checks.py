"""The program behind ``.ci/run``: which parts there are, in which order, and the table at the end.

The quickest news comes first; two parts run at a time. What is too dear for every run takes turns
(see plan.py); what was not run is told as not run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pythons
from every import python_parts
from parts import ROOT, Failed, Job, Part, Result, run_parts, say, show, table, tool, tools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import plan

#: Minutes that a run may take on two idle cores.
BUDGET = 35.0


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=".ci/run", description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--all", action="store_true", help="run everything, whatever it costs")
    add("--quick", action="store_true", help="without the suites on every Python")
    add("--budget", type=float, default=BUDGET, metavar="MINUTES", help="default: %(default).0f")
    add("--only", default="", help="parts with one of these words in their name, and their needs")
    add("--list", action="store_true", help="show the parts and the plan of the day, and stop")
    add("--jobs", type=int, default=2, help="parts at a time (default: 2)")
    add("--day", type=int, default=time.gmtime().tm_yday, help="of the year; says whose turn it is")
    add("--cache", type=Path, default=pythons.cache_folder(), help="default: %(default)s")
    add("--logs", type=Path, help="keep the output of all parts in this folder")
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error(f"--jobs {args.jobs}: at least 1 is needed")
    if not args.budget > 0:
        parser.error(f"--budget {args.budget}: a number of minutes above 0")
    args.only = tuple(filter(None, args.only.split(",")))
    return args


# -- environments ----------------------------------------------------------------------------------


def in_env(job: Job, env: str) -> dict[str, str]:
    """The variables with which that virtual environment comes first."""
    return {"PATH": f"{job.work / env / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def install_tools(job: Job) -> None:
    job.run(sys.executable, "-m", "venv", job.work / "tools")
    tool(job, "python", "-m", "pip", "install", "-q", "-r", ".ci/tools.txt", ".[test,docs]")
    job.words = f"for {platform.python_implementation()} {platform.python_version()}"


# -- the README's commands -------------------------------------------------------------------------


def readme_commands() -> list[str]:
    """The lines of the README's first console block."""
    found = re.search(
        r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return found[1].splitlines() if found else []


def readme(number: int, again: str) -> Callable[[Job], None]:
    """An action: one of these commands, in an environment with nothing but pip."""

    def action(job: Job) -> None:
        commands = readme_commands()
        if len(commands) != 2:
            raise Failed(f"the README's first console block has {len(commands)} lines, not 2")
        env = f"readme{number}"
        job.run(sys.executable, "-m", "venv", job.work / env)
        paths = "PATH=" + in_env(job, env)["PATH"]
        command = ["env", paths, "bash", "-c", commands[number - 1]]
        job.run_twice(command, ["env", paths, "bash", "-c", again])

    return action


# -- the wheel and the documentation ---------------------------------------------------------------


def wheel(job: Job) -> None:
    tool(job, "python", "-m", "build", "--outdir", job.work / "dist", ".")
    tool(job, "python", "-m", "pytest", "-q", "tests/test_wheel.py")


def types_of_the_wheel(job: Job) -> None:
    job.run(sys.executable, "-m", "venv", job.work / "wheel")
    (built,) = (job.work / "dist").glob("*.whl")
    job.run(job.work / "wheel" / "bin" / "pip", "install", "-q", built)
    # Away from the checkout, or its files would be read instead of the wheel's.
    pyright = str(job.work / "tools" / "bin" / "pyright")
    command = (pyright, "--verifytypes", "greenbridge", "--ignoreexternal")
    job.run(*command, cwd=job.work, env=in_env(job, "wheel"))


def pages(job: Job) -> None:
    for page in sorted(ROOT.glob("docs/render_*.py")):
        tool(job, "python", page, "--check")


def site(job: Job) -> None:
    tool(job, "mkdocs", "build", "--quiet", "--strict", "--site-dir", job.work / "site")
    job.words = "built without a warning"


def general_parts() -> list[Part]:
    """What one Python is enough for; the quickest news first."""
    need = ("tools",)
    return [
        Part("tools", install_tools, 45, quick=True),
        Part("README command 1, the demo", readme(1, "false"), 30, quick=True),
        Part("ruff format", tools("ruff", "format", "--check", "."), 1, need, quick=True),
        Part("ruff check", tools("ruff", "check", "."), 1, need, quick=True),
        Part(
            "layers and sources",
            tools(
                "python", "-m", "pytest", "-q", "tests/test_layers.py", "tests/test_sourcecode.py"
            ),
            8,
            need,
            quick=True,
        ),
        Part("mypy --strict", tools("mypy", "--strict"), 40, need, quick=True),
        Part("rendered pages are up to date", pages, 10, need, quick=True),
        Part("site", site, 15, need, quick=True),
        Part("wheel", wheel, 20, need, quick=True),
        Part("every public name is typed", types_of_the_wheel, 30, ("tools", "wheel"), quick=True),
        Part(
            f"README command 2, unit tests on CPython {platform.python_version()}",
            readme(2, "python -m pytest --last-failed"),
            240,
            quick=True,
        ),
    ]


def tell(planned: plan.Plan, day: int) -> None:
    """Say which suites take turns, and whose turn it is."""
    if not planned.left_out:
        say("CPython's suites: all of them, on every Python")
        return
    say(
        f"CPython's suites: day {day} of the year, so group {planned.turn + 1} of "
        f"{len(planned.groups)} of those that take turns (.ci/plan.py); not run this time:"
    )
    for series in planned.chosen:
        names = sorted(suite.name for s, suite in planned.left_out if s == series)
        if names:
            say(f"    on {series}: {', '.join(names)}")


# -- the run ---------------------------------------------------------------------------------------


def chosen(parts: list[Part], args: argparse.Namespace) -> list[Part]:
    """The parts that the options ask for, with what they need."""
    if args.quick:
        parts = [part for part in parts if part.quick]
    if not args.only:
        return parts
    wanted = {part.name for part in parts if any(word in part.name for word in args.only)}
    wanted |= {need for part in parts if part.name in wanted for need in part.needs}
    return [part for part in parts if part.name in wanted]


def environment(work: Path) -> dict[str, str]:
    """The variables of all commands."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {
        **{name: value for name, value in os.environ.items() if name not in dropped},
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "SHARED": str(work),  # for .ci/newer-pythons enter
    }


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    parts, planned = python_parts(args)
    parts = chosen(general_parts() + parts, args)
    if not parts:
        say(f"no part has {' or '.join(args.only)} in its name; --list shows them")
        return 2
    if not args.quick:
        tell(planned, args.day)
    if args.list:
        for part in parts:
            say(f"{part.cost:5.0f} s  {part.name}")
        return 0
    # A shell starts background jobs with these ignored; suites about signals need the defaults.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="greenbridge-ci."))
    args.cache.mkdir(parents=True, exist_ok=True)
    try:
        results = run_parts(parts, args.jobs, work, environment(work), show)
        if args.logs:
            shutil.copytree(work / "logs", args.logs, dirs_exist_ok=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return report(results, planned, args, time.monotonic() - began)


def report(
    results: list[Result], planned: plan.Plan, args: argparse.Namespace, seconds: float
) -> int:
    """Print the table and the counts; returns the exit code."""
    say(f"\n{table(results)}\n")
    if not args.quick:
        tell(planned, args.day)
    minutes = f"in {int(seconds) // 60} min {int(seconds) % 60:02} s"
    over = f", over the budget of {args.budget:.0f} min" if seconds > args.budget * 60 else ""
    count = {v: sum(r.verdict == v for r in results) for v in ("passed", "FAILED", "not run")}
    left_out = 0 if args.quick else len(planned.left_out)
    say(minutes + ("" if args.all else over))
    say(
        f"{count['passed']} passed, {count['FAILED']} failed, {count['not run']} not run"
        + (f", {left_out} suites not run because others have their turn" if left_out else "")
        + (" (--quick)" if args.quick else "")
    )
    return 1 if count["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
