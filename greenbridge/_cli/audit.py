"""``python -m greenbridge audit``: run a program, and report what held its event loops.

The report is written when the program has ended: after its threads and its ``atexit`` functions.
A program that leaves by ``os._exit`` or is ended by a signal leaves none.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, final

from .run import run

if TYPE_CHECKING:
    from .._audit._findings import Findings
    from .parsing import Program

#: The exit code of ``--fail`` if the program itself has ended well.
FAILED: Final = 1
_INTERRUPTED: Final = 130  # as a shell has it: 128 + SIGINT


@final
@dataclass(slots=True)
class Audit:
    """One run of a program, and what was seen."""

    findings: Findings
    program: Program
    format: Literal["text", "json", "sarif"]
    output: str | None
    began: float
    exit_code: int | None = None
    ended: float = 0.0


def audit(
    program: Program,
    *,
    limit: float,
    form: Literal["text", "json", "sarif"],
    output: str | None,
    fail: bool,
) -> None:
    """Run *program* as ``run`` does, watching its loops. Whatever it raises passes through."""
    from .._audit._findings import Findings

    findings = Findings(limit)
    findings.begin()
    target = None if output is None else os.path.abspath(output)  # the program may change folders
    this = Audit(findings, program, form, target, time.monotonic())
    atexit.register(_report, this, os.getpid())
    try:
        run(program)
    except SystemExit as end:
        this.exit_code = _code(end)
        if this.exit_code or not fail:
            raise
    except BaseException as error:
        this.exit_code = _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        raise
    else:
        this.exit_code = 0
    if fail:
        _join_threads()
        findings.end()
        if findings.found:
            raise SystemExit(FAILED)


def _code(end: SystemExit) -> int:
    if end.code is None:
        return 0
    return end.code if isinstance(end.code, int) else 1


def _join_threads() -> None:
    """What the interpreter does next: to see what the program's last threads do."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()


def _report(this: Audit, pid: int) -> None:
    if os.getpid() != pid:
        return  # the child of a fork
    from .._patch_report import stale
    from . import audit_reports

    this.ended = time.monotonic()
    this.findings.end()
    text = audit_reports.FORMATS[this.format](this, stale())
    if this.output is not None:
        try:
            with open(this.output, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            print(f"python -m greenbridge audit: error: {error}", file=sys.stderr)
    elif this.format == "text":
        audit_reports.show(text)
    elif sys.stdout is not None:
        sys.stdout.write(text)
        sys.stdout.flush()
