"""Which cases plain Python has to run, once it is known what they did under greenbridge.

What passes under greenbridge passes whatever plain Python makes of it. So where no plain results
are kept, as on a machine that is new each time, plain Python only runs what did not pass: what
failed, what was skipped, and what should have run and did not. What there is to run, plain Python
says itself. Nothing of the comparison is lost but failures of plain Python alone in cases that pass
under greenbridge, which say nothing about greenbridge.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from .running import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .running import Record
    from .table import Table

__all__ = ("needed",)

#: What unittest calls the set-up and the clean-up of a class: setUpClass (test.test_x.Case).
_FIXTURE: Final = re.compile(r"\w+Class \((\S+)\)")


def needed(green: Record, cases: Iterable[str], table: Table) -> tuple[str, ...]:
    """The patterns for regrtest's ``-m`` that plain Python has to run; *cases* is all it has."""
    patterns = {
        test: None
        for test in (*cases, *green.outcomes)
        if green.outcomes.get(test) not in GOOD or _must_fail(test, table)
    }
    found = dict.fromkeys(filter(None, map(_pattern, patterns)))
    return tuple(found)


def _must_fail(test: str, table: Table) -> bool:
    """Whether a row says that plain Python fails it: rows are checked in every run."""
    return any(row.action == "fails" and fnmatchcase(test, row.test) for row in table.plain)


def _pattern(test: str) -> str:
    """What selects a test; nothing for what is no test, as a change of the environment."""
    if fixture := _FIXTURE.fullmatch(test):
        return f"{fixture[1]}.*"
    return "" if " " in test else test
