"""Waiting for the end of a child process without taking it from whoever waits for it.

A pidfd becomes readable when its process ends. Nothing is reaped by that, no handler for SIGCHLD
is needed, and so the handlers of the program, of asyncio and of libuv are theirs alone. Who is
woken asks the original, without blocking, and gets what the original gives.

A pidfd tells the end of one process. For "any child", a stopped one, or where there are no pidfds,
the question is put again and again (``_again``).
"""

from __future__ import annotations

import os
from typing import Any, Final

from .._borrowed import wait_borrowed
from .._originals import monotonic, os_close
from .._waiting import POLLIN
from ._again import Again

__all__ = ("ChildWait", "exited")

_pidfd_open: Final[Any] = getattr(os, "pidfd_open", None)


def exited(pid: int, timeout: float | None = None) -> bool | None:
    """Park until the process *pid* has ended, or *timeout* seconds.

    Returns:
        True if it has ended, False if the time is over, None if it cannot be waited for this way.
    """
    if _pidfd_open is None:
        return None
    try:
        pidfd = _pidfd_open(pid)
    except OSError:  # an old kernel, no descriptors left, no such process
        return None
    try:
        return wait_borrowed(pidfd, POLLIN, timeout)
    finally:
        os_close(pidfd)


class ChildWait:
    """One wait that may take several attempts. *pid* or *pidfd*: of that process's end only.

    Whoever uses it has asked first: so it is a child of ours, and has not ended yet.
    """

    __slots__ = ("_again", "_deadline", "_pid", "_pidfd")

    def __init__(self, pid: int = 0, pidfd: int = -1, timeout: float | None = None) -> None:
        self._pid = pid
        self._pidfd = pidfd
        self._deadline = None if timeout is None else monotonic() + timeout
        self._again: Again | None = None

    @property
    def is_over(self) -> bool:
        """Whether the timeout is over."""
        return self._deadline is not None and monotonic() >= self._deadline

    def park(self) -> None:
        """Park until it is worth asking again, or the timeout is over."""
        left = None
        if self._deadline is not None:
            left = max(self._deadline - monotonic(), 0.0)
        pid, self._pid = self._pid, 0
        pidfd, self._pidfd = self._pidfd, -1
        if pidfd >= 0:
            wait_borrowed(pidfd, POLLIN, left)
        elif pid <= 0 or exited(pid, left) is None:
            if self._again is None:
                self._again = Again(left)
            self._again.pause()
