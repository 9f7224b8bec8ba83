"""What the words after ``python -m greenbridge`` mean.

``run`` takes a program and *its* arguments, which are nobody else's business: the words
are cut where the program begins, as ``python`` does it, and argparse sees only what
stands before. So ``script.py --loop`` is the script's own ``--loop``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, final

if TYPE_CHECKING:
    from collections.abc import Sequence

PROG: Final = "python -m greenbridge"
_COMMANDS: Final = ("run", "audit", "patches", "demo")
_TAKES_A_VALUE: Final = ("--only", "--exclude", "--loop", "--limit", "--format", "--output")

_RUN_USAGE: Final = f"""\
{PROG} [run] [options] script.py [args ...]
       {PROG} [run] [options] -m module [args ...]
       {PROG} [run] [options] -c code [args ...]
       {PROG} [run] [options] - [args ...]"""

_AUDIT_USAGE: Final = _RUN_USAGE.replace("[run] [options]", "audit [options]")

_AUDIT_DESCRIPTION: Final = """\
Run a program as "run" does, and report each call that kept an event loop from running for longer
than the limit: the stack, for how long, how often, and what to write instead."""

_DESCRIPTION: Final = """\
Run a blocking Python program, unmodified, on an event loop: the standard library is
patched, then the program is run as python itself would run it."""

_EPILOG: Final = f"""\
A program is a script, a folder or zip file with a __main__.py, -m module, -c code, or -
for what comes from stdin. "run" may be left out, unless the script is called like a
command: {PROG} ./demo. Options of the interpreter (-X, -W, -O, -u ...) go before
-m greenbridge."""


@final
@dataclass(frozen=True, slots=True)
class Program:
    """What to run: where it comes from, its name or text, and its arguments."""

    kind: Literal["path", "module", "code", "stdin"]
    target: str
    args: tuple[str, ...] = ()


def split(words: Sequence[str]) -> tuple[list[str], Program | None]:
    """Cut *words* where the program begins: our options before, the program and its arguments.

    The program is None if none is named. ``-m`` or ``-c`` as the last word stays among the
    options, for argparse to say what is missing.
    """
    index = 0
    while index < len(words):
        word, rest = words[index], tuple(words[index + 1 :])
        head = list(words[:index])
        kind: Literal["module", "code"] = "module" if word[:2] == "-m" else "code"
        if word[:2] in ("-m", "-c"):
            if word[2:]:  # python takes -ccode as well
                return head, Program(kind, word[2:], rest)
            if rest:
                return head, Program(kind, rest[0], rest[1:])
        elif word == "-":
            return head, Program("stdin", word, rest)
        elif word == "--":
            return head, Program("path", rest[0], rest[1:]) if rest else None
        elif not word.startswith("-"):
            return head, Program("path", word, rest)
        index += 2 if word in _TAKES_A_VALUE else 1
    return list(words), None


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(
            f"{text!r} names nothing: write names with commas between, as in time,socket"
        )
    return names


def _requests(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of requests: write a whole number from 1 to 10000, "
            "as in -n 100"
        )
    return number


def _latency(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 10:  # refuses NaN, too
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a latency: write seconds from 0 to 10, as in --latency 0.05"
        )
    return seconds


def _limit(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.01 <= seconds <= 3600:  # refuses NaN, too
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a limit: write seconds from 0.01 to 3600, as in 0.05"
        )
    return seconds


def _shown(usage: str, description: str) -> dict[str, Any]:
    """How the parser of a command that runs programs shows itself."""
    return {
        "usage": usage,
        "description": description,
        "epilog": _EPILOG,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }


def _add_program(command: argparse.ArgumentParser) -> None:
    """The options of ``run`` and ``audit``."""
    for option, text in (("--only", "patch these only"), ("--exclude", "do not patch these")):
        command.add_argument(
            option,
            type=_names,
            action="extend",
            metavar="a,b",
            help=f"{text}; the names are listed by: {PROG} patches",
        )
    # Named here for --help; split() has taken the one that starts the program.
    command.add_argument("-m", metavar="module", help="run a module, as python -m does")
    command.add_argument("-c", metavar="code", help="run the code in the next argument")


def _add_audit(commands: Any, loops: argparse.ArgumentParser) -> None:
    audit = commands.add_parser(
        "audit",
        parents=[loops],
        help="run a program and report what holds its event loops; [options]: audit --help",
        **_shown(_AUDIT_USAGE, _AUDIT_DESCRIPTION),
    )
    audit.add_argument(
        "--limit",
        type=_limit,
        default=0.05,
        metavar="SECONDS",
        help="how long a loop may be held (default: %(default)s)",
    )
    audit.add_argument(
        "--format", choices=("text", "json", "sarif"), default="text", help="of the report"
    )
    audit.add_argument(
        "--output", metavar="FILE", help="write the report there (default: to the standard output)"
    )
    audit.add_argument(
        "--fail",
        action="store_true",
        help="end with exit code 1 if anything was found and the program has ended well",
    )
    audit.add_argument(
        "--no-patch",
        action="store_true",
        help="patch nothing: the program does it itself, and may do it too late",
    )
    _add_program(audit)


def _parser() -> argparse.ArgumentParser:
    from .._loops import LOOP_NAMES

    loops = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    loops.add_argument(
        "--loop", choices=LOOP_NAMES, help="the event loop to run on (default: uvloop if installed)"
    )

    usage = f"""{_RUN_USAGE}
       {PROG} audit [options] script.py [args ...]
       {PROG} patches [--json]
       {PROG} demo [options]"""
    parser = argparse.ArgumentParser(prog=PROG, **_shown(usage, _DESCRIPTION))
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers(dest="command", title="commands")

    run = commands.add_parser(
        "run",
        parents=[loops],
        help="run a program with the patches on; [options] are listed by: run --help",
        **_shown(_RUN_USAGE, _DESCRIPTION),
    )
    run.add_argument(
        "--strict",
        type=_limit,
        nargs="?",
        const=0.1,
        metavar="SECONDS",
        help="warn of what holds an event loop for longer: --strict=0.5 (default: %(const)s)",
    )
    _add_program(run)
    _add_audit(commands, loops)

    patches = commands.add_parser(
        "patches", help="show what is patched, and what is not and why", allow_abbrev=False
    )
    patches.add_argument("--json", action="store_true", help="for machines")

    demo = commands.add_parser(
        "demo",
        parents=[loops],
        help="time a blocking program: one request after another, with threads, greenly",
        allow_abbrev=False,
    )
    demo.add_argument(
        "-n",
        type=_requests,
        default=100,
        metavar="N",
        dest="requests",
        help="how many requests, 1 to 10000 (default: %(default)s)",
    )
    demo.add_argument(
        "--latency",
        type=_latency,
        default=0.05,
        metavar="SECONDS",
        help="how long the server takes to answer, 0 to 10 seconds (default: %(default)s)",
    )
    demo.add_argument("--json", action="store_true", help="for machines")
    demo.add_argument("--show", action="store_true", help="show the program's source first")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Do what *argv* (default: ``sys.argv[1:]``) says and return the exit code.

    ``run`` and ``audit`` end as the program ends: its SystemExit or other exception passes through.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    if words[:1] in (["-h"], ["--help"], ["--version"], ["patches"], ["demo"]):
        options = parser.parse_args(words)
        if options.version:
            from .. import __version__

            print(f"greenbridge {__version__} on Python {sys.version.split()[0]}")
            return 0
        if options.command == "patches":
            from .patches import show_patches

            return show_patches(as_json=options.json)
        from .demo import demo

        return demo(
            requests=options.requests,
            latency=options.latency,
            loop=options.loop,
            as_json=options.json,
            show=options.show,
        )

    command = words[0] if words[:1] in (["run"], ["audit"]) else "run"
    head, program = split(words[1:] if words[:1] == [command] else words)
    options = parser.parse_args([command, *head])
    if program is None:
        if sys.stdin is None or sys.stdin.isatty():
            if not words:
                parser.print_help(sys.stderr)
                return 2
            parser.error(f"nothing to run: name a script, as in {PROG} {' '.join(words)} script.py")
        program = Program("stdin", "")
    from .._errors import GreenbridgeError
    from .run import prepare, run

    try:
        if command == "audit" and options.no_patch:
            prepare((), None, options.loop)
        else:
            prepare(options.only, options.exclude, options.loop)
    except GreenbridgeError as error:
        parser.error(str(error))
    if command == "audit":
        from .audit import audit

        audit(
            program,
            limit=options.limit,
            form=options.format,
            output=options.output,
            fail=options.fail,
        )
        return 0
    if options.strict is not None:
        from .._audit._strict import Strict, set_strict_everywhere

        set_strict_everywhere(Strict(options.strict))
    run(program)
    return 0
