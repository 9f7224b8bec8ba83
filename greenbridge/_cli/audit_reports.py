"""The reports of an audit: text for people, JSON, and SARIF 2.1.0 for code hosts and editors."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import __version__
from .._audit._findings import unpatched
from .._errors import DOCS, LoopHeldWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._audit._findings import Finding, Unpatched
    from .._patch_report import Stale
    from .audit import Audit

_FRAMES: Final = 6  # of a stack are in the text
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_HELP: Final = f"{DOCS}#{LoopHeldWarning.code.lower()}"
_RULES: Final = {
    "blocking-call": "A call held the event loop while it waited",
    "computation": "A computation held the event loop",
    "unpatched-name": "A name was bound before patching and reaches the original",
}
_SHORT: Final = {"call": "blocked", "computation": "computed"}


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _path(file: str) -> str:
    """As short as it can be said in this folder."""
    folder = os.getcwd() + os.sep
    return file.removeprefix(folder)


# -- text --------------------------------------------------------------------------------------


def text(this: Audit, stale: tuple[Stale, ...]) -> str:
    """The report for people."""
    findings = this.findings
    names = unpatched(stale)
    lines = ["", _headline(this)]
    for number, finding in enumerate(findings.by_length(), 1):
        lines += ["", *_block(number, finding)]
    if names:
        lines += ["", "Names that were bound before patching, and reach the original:"]
        lines += [f"  {_where(name)}: {name.text}" for name in names]
        lines.append(
            "  write: import greenbridge.auto  # above these lines, or: greenbridge.rebind()"
        )
    if findings.busy:
        lines += [
            "",
            f"{_times(findings.busy)} a loop took longer than the limit for many short steps, "
            "none of which is to blame.",
        ]
    if this.exit_code:
        lines += ["", f"The program ended with exit code {this.exit_code}."]
    return "\n".join(lines) + "\n"


def _headline(this: Audit) -> str:
    found = len(this.findings.found)
    loops = len(this.findings.watches)
    beginning = f"greenbridge audit, limit {this.findings.limit:g} s: "
    if not loops:
        return beginning + "no event loop ran, so nothing was held."
    where = f"of {loops} event loop{'s' * (loops > 1)} in {this.ended - this.began:.1f} s"
    if not found:
        return f"{beginning}nothing held one {where}."
    return f"{beginning}{found} place{'s' * (found > 1)} held one {where}."


def _block(number: int, finding: Finding) -> list[str]:
    hold = finding.hold
    most = f"{hold.seconds:.2f} s" + (
        f" at most, {finding.total:.2f} s in all" * (finding.count > 1)
    )
    gil = ", with the GIL held" if hold.holds_gil else ""
    return [
        f"{number}. {hold.what} {_SHORT[hold.kind]} {_times(finding.count)}, {most}{gil}",
        f"   {_path(hold.file)}:{hold.line} in {hold.function}: {hold.code}",
        f"   in {hold.who}. {hold.why}",
        f"   write: {hold.instead}",
        *(
            f"     {'at' if depth == 0 else 'called by'} {_path(file)}:{line} in {function}"
            for depth, (file, line, function) in enumerate(hold.stack[:_FRAMES])
        ),
    ]


def _where(name: Unpatched) -> str:
    return f"{_path(name.file)}:{name.line}" if name.line else name.name


def show(report: str) -> None:
    """Print the text, the places in bold where that can be seen."""
    if sys.stdout is None:
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    for line in report.rstrip("\n").split("\n"):
        bold = line[:1].isdigit() or line.startswith("greenbridge audit")
        console.print(line, style="bold" if bold else None)


# -- JSON --------------------------------------------------------------------------------------


def as_json(this: Audit, stale: tuple[Stale, ...]) -> str:
    """The report for programs; docs/reference/command-line.md has the keys."""
    report = {
        "greenbridge": __version__,
        "python": platform.python_version(),
        "limit_s": this.findings.limit,
        "seconds": round(this.ended - this.began, 3),
        "loops": len(this.findings.watches),
        "busy": this.findings.busy,
        "exit_code": this.exit_code,
        "holds": [
            {
                "count": finding.count,
                "total_s": round(finding.total, 4),
                **_hold_keys(finding),
            }
            for finding in this.findings.by_length()
        ],
        "unpatched": [dataclasses.asdict(name) for name in unpatched(stale)],
    }
    return json.dumps(report, indent=2) + "\n"


def _hold_keys(finding: Finding) -> dict[str, Any]:
    keys = dataclasses.asdict(finding.hold)
    keys["longest_s"] = keys.pop("seconds")
    keys["stack"] = [
        {"file": file, "line": line, "function": function}
        for file, line, function in finding.hold.stack
    ]
    return keys


# -- SARIF -------------------------------------------------------------------------------------


def sarif(this: Audit, stale: tuple[Stale, ...]) -> str:
    """https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"""
    ids = list(_RULES)
    run = {
        "tool": {
            "driver": {
                "name": "greenbridge audit",
                "semanticVersion": __version__,
                "informationUri": DOCS.removesuffix("errors/"),
                "rules": [
                    {
                        "id": f"{LoopHeldWarning.code}/{name}",
                        "name": "".join(word.capitalize() for word in name.split("-")),
                        "shortDescription": {"text": says},
                        "helpUri": _HELP,
                        "defaultConfiguration": {"level": "warning"},
                    }
                    for name, says in _RULES.items()
                ],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not this.exit_code,
                **({} if this.exit_code is None else {"exitCode": this.exit_code}),
            }
        ],
        "originalUriBaseIds": {"SRCROOT": {"uri": Path.cwd().as_uri() + "/"}},
        "results": [
            *(_result(ids, finding) for finding in this.findings.by_length()),
            *(_name_result(ids, name) for name in unpatched(stale) if name.line),
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(ids: list[str], finding: Finding) -> dict[str, Any]:
    hold = finding.hold
    rule = "blocking-call" if hold.kind == "call" else "computation"
    return {
        "ruleId": f"{LoopHeldWarning.code}/{rule}",
        "ruleIndex": ids.index(rule),
        "level": "warning",
        "message": {"text": str(hold)},
        "locations": [_location(hold.file, hold.line, hold.function, hold.code)],
        "stacks": [
            {
                "message": {"text": f"the longest of {finding.count}, in {hold.who}"},
                "frames": [{"location": _location(*frame)} for frame in hold.stack],
            }
        ],
        "occurrenceCount": finding.count,
        "partialFingerprints": {"place/v1": f"{_path(hold.file)}:{hold.function}:{hold.what}"},
        "properties": {
            "longestSeconds": hold.seconds,
            "totalSeconds": round(finding.total, 4),
            "instead": hold.instead,
        },
    }


def _name_result(ids: list[str], name: Unpatched) -> dict[str, Any]:
    return {
        "ruleId": f"{LoopHeldWarning.code}/unpatched-name",
        "ruleIndex": ids.index("unpatched-name"),
        "level": "warning",
        "message": {"text": f"{name.text}. Write: import greenbridge.auto, above this line"},
        "locations": [_location(name.file, name.line, name.name, name.code)],
        "partialFingerprints": {"place/v1": name.name},
    }


def _location(file: str, line: int, function: str, code: str = "") -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": max(line, 1)}
    if code:
        region["snippet"] = {"text": code}
    return {
        "physicalLocation": {"artifactLocation": _artifact(file), "region": region},
        "logicalLocations": [{"fullyQualifiedName": function}],
    }


def _artifact(file: str) -> dict[str, str]:
    from urllib.parse import quote

    if not os.path.isabs(file):  # "<string>"
        return {"uri": quote(file)}
    short = _path(file)
    if os.path.isabs(short):
        return {"uri": Path(file).as_uri()}
    return {"uri": quote(short.replace(os.sep, "/")), "uriBaseId": "SRCROOT"}


FORMATS: Final[dict[str, Callable[[Audit, tuple[Stale, ...]], str]]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
}
