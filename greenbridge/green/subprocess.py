"""Stand-ins for what waits in ``subprocess``. The class ``Popen`` is the stdlib's own.

``Popen._wait`` is replaced in the class itself, so every ``Popen`` waits greenly: those of
modules that imported the class earlier, subclasses, and objects that exist. ``communicate``
needs nothing: its selector and ``os`` are green. The pipes are opened by ``io.open`` of that
module; here it makes files that park.

``fork_exec``, ``vfork`` and ``posix_spawn`` are the original's. Its reading of the pipe that tells
whether the program could be started does not wait, except for a ``preexec_fn``: then it parks.
"""

from __future__ import annotations

import io as _io
import subprocess as _stdlib
import types
from typing import Any, Final

from .._waiting import parkable
from ._children import ChildWait
from ._files import open_fd

__all__ = ("io", "wait")

_wait: Final[Any] = _stdlib.Popen._wait  # type: ignore[attr-defined]  # private, since 2.4


def wait(self: Any, timeout: float | None) -> int:
    """``Popen._wait``: park until the process has ended, or for *timeout* seconds.

    Nobody else's child is reaped, and no handler for SIGCHLD is touched. On cancellation the
    process runs on. https://docs.python.org/3/library/subprocess.html#subprocess.Popen.wait

    Raises:
        TimeoutExpired: it has not ended by then.
    """
    if self.returncode is not None or not parkable() or (timeout is not None and timeout <= 0):
        return _wait(self, timeout)  # type: ignore[no-any-return]
    # The original would park amid a lock of the object, in os.waitpid. So it only has a look.
    waiting = ChildWait(self.pid, timeout=timeout)
    while True:
        try:
            return _wait(self, 0)  # type: ignore[no-any-return]
        except _stdlib.TimeoutExpired:
            if waiting.is_over:
                raise _stdlib.TimeoutExpired(self.args, timeout) from None  # type: ignore[arg-type]
        waiting.park()


class _Io(types.ModuleType):
    """The ``io`` module, as ``subprocess`` sees it: with an ``open`` whose pipes park."""

    open: Any = staticmethod(open_fd)

    def __getattr__(self, name: str) -> Any:
        return getattr(_io, name)


io: Final = _Io("io", _io.__doc__)
