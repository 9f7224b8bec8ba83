"""Whoever asks again and again for what is not there must not keep it from coming.

``while queue.empty(): pass`` and ``while not lock.acquire(False): pass`` end in a program of real
threads, since the interpreter takes them off the CPU. A green thread leaves it where it waits, and
these do not. So one that has asked in vain many times, and for as long as a real thread may keep
the interpreter, lets the others run. It happens after the answer, nothing is held meanwhile, and
never in a coroutine, a loop callback, a finalizer, a signal handler or a block without switches.
"""

from __future__ import annotations

from typing import Final

from .._portal import current_owner
from .._threadstate import get_running_loop
from .._turns import give_way_after_long

__all__ = ("in_vain",)

#: Answers between two looks at the clock: what they cost is hidden behind them (a guess).
_MANY: Final = 64
_asked = 0


def in_vain() -> None:
    """Say that something was asked for and not there; others may run.

    On cancellation of the caller it is raised here: nothing was taken.
    """
    global _asked
    _asked += 1
    if _asked >= _MANY:
        _asked = 0
        _look()


def _look() -> None:
    owner = current_owner()
    if owner is not None and get_running_loop() is None:
        give_way_after_long(owner.hub)
