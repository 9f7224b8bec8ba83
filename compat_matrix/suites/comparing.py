"""Compares a run under greenbridge with the plain one, strictly both ways."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from .table import Difference, matching

if TYPE_CHECKING:
    from .running import Record

__all__ = ("compare", "differing")

_GOOD: Final = frozenset({"passed", "xfailed"})


def differing(plain: Record, green: Record) -> dict[str, tuple[str, str]]:
    """The tests whose outcomes are not the same: plain, green; ``not run`` where it was not."""
    return {
        test: (one, other)
        for test in sorted(plain.outcomes.keys() | green.outcomes.keys())
        if (one := plain.outcomes.get(test, "not run"))
        != (other := green.outcomes.get(test, "not run"))
    }


def compare(plain: Record, green: Record, rows: tuple[Difference, ...]) -> list[str]:
    """What the table does not allow, or allows in vain; an empty list if the results agree.

    Args:
        rows: the rows of this suite, world and Python.
    """
    problems = [f"plain: {plain.broken}"] if plain.broken else []
    problems += [f"under greenbridge: {green.broken}"] if green.broken else []
    differ = differing(plain, green)
    for test, (one, other) in differ.items():
        if matching(rows, test) is None:
            words = green.details.get(test, "").partition("\n")[0]
            problems.append(f"{test}: {other} under greenbridge, {one} plain. {words}".rstrip())
    for row in rows:
        seen = [test for test in plain.outcomes if _fits(row, test)]
        if not seen:
            problems.append(f"{row.test}: the table has a row for it, and there is no such test")
        elif row.action == "fails" and not any(test in differ for test in seen):
            problems.append(f"{row.test}: it does not differ. Remove the row: {row.reason}")
        elif row.action == "hangs" and not any(plain.outcomes[t] in _GOOD for t in seen):
            problems.append(f"{row.test}: plainly it does not pass either. Remove the row")
    return problems


def _fits(row: Difference, test: str) -> bool:
    return row.test == test or fnmatchcase(test, row.test)
