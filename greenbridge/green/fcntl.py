"""Stand-ins for ``fcntl``: waiting for a lock on a file.

Nobody tells when another process lets go of a file, so the lock is asked for again and again
(``_again``). Nothing is held that nobody wants any more, as an OS thread that blocks for a caller
who has gone would. The price: among several who wait it is not first come, first served, and a
deadlock of two processes is not noticed (EDEADLK), if one of them waits in this way.
"""

from __future__ import annotations

import fcntl as _stdlib
from typing import Any, Final

from .._originals import fcntl_fcntl as _fcntl
from .._originals import fcntl_flock as _flock
from .._originals import fcntl_lockf as _lockf
from .._waiting import parkable, stalling
from ._again import until_locked

__all__ = ("fcntl", "flock", "lockf")

_LOCKS: Final = _stdlib.LOCK_SH | _stdlib.LOCK_EX
_LOCK_NB: Final = _stdlib.LOCK_NB
#: Commands of fcntl() that wait -> those that do not.
_WAITING: Final = {_stdlib.F_SETLKW: _stdlib.F_SETLK} | (
    {_stdlib.F_OFD_SETLKW: _stdlib.F_OFD_SETLK} if hasattr(_stdlib, "F_OFD_SETLKW") else {}
)


def flock(fd: Any, operation: int, /) -> None:
    """Lock or unlock a file; park while somebody else has it, unless with ``LOCK_NB``.

    On cancellation it is not locked. https://docs.python.org/3/library/fcntl.html#fcntl.flock

    Raises:
        BlockingIOError: with ``LOCK_NB``, and somebody else has it.
    """
    if operation & _LOCK_NB or not operation & _LOCKS or not parkable():
        return stalling("fcntl.flock", _flock, fd, operation)  # type: ignore[no-any-return]
    return until_locked(lambda: _flock(fd, operation | _LOCK_NB))  # type: ignore[no-any-return]


def lockf(fd: Any, cmd: int, len: int = 0, start: int = 0, whence: int = 0, /) -> None:
    """Lock or unlock a part of a file, among processes; as :func:`flock`."""
    if cmd & _LOCK_NB or not cmd & _LOCKS or not parkable():
        return stalling("fcntl.lockf", _lockf, fd, cmd, len, start, whence)  # type: ignore[no-any-return]
    return until_locked(lambda: _lockf(fd, cmd | _LOCK_NB, len, start, whence))  # type: ignore[no-any-return]


def fcntl(fd: Any, cmd: int, arg: Any = 0, /) -> Any:
    """Do *cmd* on a descriptor; ``F_SETLKW`` and ``F_OFD_SETLKW`` park as :func:`flock`.

    https://docs.python.org/3/library/fcntl.html#fcntl.fcntl
    """
    if cmd not in _WAITING or not parkable():
        return _fcntl(fd, cmd, arg)
    return until_locked(lambda: _fcntl(fd, _WAITING[cmd], arg))
