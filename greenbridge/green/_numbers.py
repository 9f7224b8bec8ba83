"""Timeouts as C code reads them: which objects count as a number of seconds or milliseconds."""

from __future__ import annotations

import operator
import sys
from typing import Any

_REAL_NUMBERS = sys.version_info >= (3, 15)  # since then anything with __float__ is accepted
_NOT_A_NUMBER = float("nan")


def number(value: Any) -> float:  # Any: whatever a caller of the stdlib passes
    """*value* as the stdlib's C code reads it; NaN for what only the original can refuse."""
    kind = type(value)
    if kind is float or kind is int:
        return value  # type: ignore[no-any-return]  # checked above
    if isinstance(value, float):
        return float.__float__(value)
    if _REAL_NUMBERS and hasattr(kind, "__float__"):
        return float(value)
    return operator.index(value) if hasattr(kind, "__index__") else _NOT_A_NUMBER
