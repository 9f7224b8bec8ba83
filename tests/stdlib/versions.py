"""Which Pythons a row speaks of: ``*``, ``3.12``, ``>=3.12,<3.14``."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Python", "matches")

#: Major and minor version.
Python = tuple[int, int]

_CLAUSE: Final = re.compile(r"(>=|<=|==|!=|<|>|)\s*(\d+)\.(\d+)")
_TESTS: Final[dict[str, Callable[[Python, Python], bool]]] = {
    "": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def matches(spec: str, python: Python) -> bool:
    """Whether ``python`` is one that ``spec`` names; all clauses between commas must hold.

    Raises:
        ValueError: the text is not such a specification.
    """
    if spec.strip() == "*":
        return True
    for clause in spec.split(","):
        found = _CLAUSE.fullmatch(clause.strip())
        if found is None:
            raise ValueError(f"{spec!r} names no Pythons: write '*', '3.12' or '>=3.12,<3.14'")
        if not _TESTS[found[1]](python, (int(found[2]), int(found[3]))):
            return False
    return True
