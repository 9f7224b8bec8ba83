"""Stand-in for ``time.sleep``, the one call of ``time`` that waits, and for one about threads."""

from __future__ import annotations

import sys
import time as _stdlib
from typing import Any, Final, SupportsFloat, SupportsIndex

from .._idents import os_ident
from .._originals import time_sleep
from .._waiting import parkable
from .._waiting import sleep as park_for
from ._numbers import number

__all__ = ("pthread_getcpuclockid", "sleep")

# The original's largest argument is 2**63 - 1 nanoseconds (292 years); whatever is near it
# or above goes to the original, which raises.
_MAX_S = 9_223_372_035.0
_getcpuclockid: Final[Any] = getattr(_stdlib, "pthread_getcpuclockid", None)
_AUDITED = sys.version_info >= (3, 13)


def pthread_getcpuclockid(thread_id: int, /) -> int:
    """The clock of a thread's CPU time; of a green thread that of its OS thread.

    https://docs.python.org/3/library/time.html#time.pthread_getcpuclockid
    """
    return _getcpuclockid(os_ident(thread_id))  # type: ignore[no-any-return]


def sleep(seconds: SupportsFloat | SupportsIndex, /) -> None:
    """Let this green thread or task rest for *seconds*; others run meanwhile.

    Outside green code it is the original ``time.sleep``. ``sleep(0)`` gives everybody who is
    ready a turn. What parks here can be cancelled or killed: the exception is raised from
    the call. https://docs.python.org/3/library/time.html#time.sleep

    Raises:
        ValueError: *seconds* is negative or NaN.
        OverflowError: *seconds* is infinite or longer than 292 years.
        TypeError: *seconds* is not a number that ``time.sleep`` takes.
    """
    value = seconds if type(seconds) is float or type(seconds) is int else number(seconds)
    if not 0 <= value <= _MAX_S:
        time_sleep(seconds)  # type: ignore[arg-type]  # raises what this Python raises
    else:
        if _AUDITED and parkable():  # elsewhere the original is called, and audits itself
            sys.audit("time.sleep", seconds)
        park_for(value)
