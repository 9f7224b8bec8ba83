"""Compares a suite under greenbridge with the same suite under plain Python, strictly both ways."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .running import BAD, GOOD, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .suites import Suite
    from .table import Table

__all__ = ("Problem", "compare", "plain_problems", "proof_problems")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the table does not allow, or allows in vain."""

    test: str
    text: str
    detail: str = ""


def compare(green: Record, plain: Record, table: Table, *, whole: bool = True) -> list[Problem]:
    """What is wrong in ``green``; ``whole`` if the suite was run without a filter."""
    found = [
        Problem(test, text, green.details.get(test, ""))
        for test in sorted(green.outcomes.keys() | plain.outcomes.keys())
        if (text := _judge(test, green.outcomes.get(test), plain.outcomes.get(test), table))
    ]
    if whole:
        found += _rows_without_a_test(green, plain, table)
    return found


def _judge(test: str, green: str | None, plain: str | None, table: Table) -> str:
    """What is wrong with one test, or nothing."""
    if table.plain_failure(test) is not None:
        return ""  # plain_problems() looks at these rows
    if row := table.difference(test):
        if row.action != "unsteady" and (green in GOOD or green == plain):
            return f"passes, but known_differences.toml says: {row.reason} Remove the row."
        return ""
    if green in BAD:
        return f"{green} under greenbridge, {plain or 'not run'} under plain Python"
    if plain in GOOD and green not in GOOD:
        return f"{green or 'not run'} under greenbridge, {plain} under plain Python"
    return ""


def _rows_without_a_test(green: Record, plain: Record, table: Table) -> Iterator[Problem]:
    known = {*plain.outcomes, *plain.cases}
    for row in table.differences:
        if row.is_of(green.suite) and not any(fnmatchcase(t, row.test) for t in known):
            yield Problem(
                row.test, "has a row in known_differences.toml, but there is no such test"
            )


def plain_problems(plain: Record, table: Table) -> list[Problem]:
    """Failures of plain Python that have no row, and rows for what does not fail."""
    found = []
    for test, outcome in sorted(plain.outcomes.items()):
        row = table.plain_failure(test)
        if row is None and outcome in BAD:
            text = f"{outcome} under plain Python: a [[plain]] row has to say why"
        elif row is not None and row.action == "ignored":
            text = "was run, but known_differences.toml says that it is ignored"
        elif row is not None and row.action == "fails" and outcome not in BAD:
            text = f"{outcome} under plain Python, but a [[plain]] row says that it fails"
        else:
            continue
        found.append(Problem(test, text, plain.details.get(test, "")))
    return found


def proof_problems(green: Record, suite: Suite) -> list[Problem]:
    """Signs that a run was not over green objects at all."""
    found = []
    name = f"{suite.name} (proof)"
    for proof in green.proofs:
        if not proof["socket"].startswith("greenbridge."):
            found.append(
                Problem(name, f"at the {proof['event']} socket.socket is {proof['socket']}")
            )
        if proof["displaced"]:
            names = ", ".join(proof["displaced"])
            found.append(Problem(name, f"at the {proof['event']} no longer patched: {names}"))
        if not proof["green"]:
            found.append(Problem(name, f"at the {proof['event']} the tests' thread is not green"))
    if suite.waits and not any(proof["waits"] for proof in green.proofs):
        found.append(Problem(name, "the tests' thread never parked: nothing here was green"))
    return found
