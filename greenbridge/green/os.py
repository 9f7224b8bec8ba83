"""Stand-ins for the calls of ``os`` that wait: descriptors, children, locks.

Files on disk are not waited for: the kernel offers no way to. Give them to an OS thread with
``greenbridge.offload(file.read)``. Every other name of ``os`` stays the stdlib's own.
"""

from __future__ import annotations

import io
import os as _stdlib
from operator import index
from typing import TYPE_CHECKING, Any, Final

from .. import _originals
from .._hub import HUBS
from .._offload import offload
from .._originals import os_close, os_read, os_waitpid, os_write
from .._waiting import closing_fd, parkable, stalling
from ._again import until_locked
from ._children import ChildWait
from ._files import open_fd
from ._pipes import fill, is_file, put, take, until_readable, until_writable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = (
    "close",
    "closerange",
    "dup2",
    "eventfd_read",
    "eventfd_write",
    "fdopen",
    "lockf",
    "read",
    "readinto",
    "readv",
    "sendfile",
    "splice",
    "system",
    "wait",
    "wait3",
    "wait4",
    "waitid",
    "waitpid",
    "write",
    "writev",
)

_dup2: Final = _originals.os_dup2
_lockf: Final = _originals.os_lockf
_readinto: Final = _originals.os_readinto
_readv: Final = _originals.os_readv
_sendfile: Final = _originals.os_sendfile
_splice: Final = _originals.os_splice
_system: Final = _originals.os_system
_wait3: Final = _originals.os_wait3
_wait4: Final = _originals.os_wait4
_waitid: Final = _originals.os_waitid
_writev: Final = _originals.os_writev

_WNOHANG: Final[int] = getattr(_stdlib, "WNOHANG", 1)
_WEXITED: Final[int] = getattr(_stdlib, "WEXITED", 4)
_WNOWAIT: Final[int] = getattr(_stdlib, "WNOWAIT", 0)
_P_PID: Final[Any] = getattr(_stdlib, "P_PID", None)
_P_PIDFD: Final[Any] = getattr(_stdlib, "P_PIDFD", None)
_F_LOCK: Final[Any] = getattr(_stdlib, "F_LOCK", None)
_F_TLOCK: Final[Any] = getattr(_stdlib, "F_TLOCK", None)
_SPLICE_F_NONBLOCK: Final = 2  # Linux, include/linux/splice.h

# -- descriptors -------------------------------------------------------------------------------


def close(fd: int) -> None:
    """Close *fd*. Who waits for it in green code gets ``OSError`` (EBADF)."""
    if type(fd) is int:
        closing_fd(fd)
    os_close(fd)


def closerange(fd_low: int, fd_high: int, /) -> None:
    """Close all descriptors from *fd_low* up to, not including, *fd_high*; as :func:`close`."""
    low, high = index(fd_low), index(fd_high)
    for hub in tuple(HUBS):
        for fd in tuple(hub.fds):
            if low <= fd < high:
                closing_fd(fd)
    _originals.os_closerange(low, high)


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """Make *fd2* a copy of *fd*; what it was before is closed, as by :func:`close`."""
    if fd != fd2 and type(fd2) is int and fd2 >= 0:
        _stdlib.get_inheritable(fd)  # raises if it is not open: then nothing is closed
        closing_fd(fd2)
    return _dup2(fd, fd2, inheritable)


def fdopen(
    fd: int,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """A file object for *fd*. If it is no file on disk, its reads and writes park.

    https://docs.python.org/3/library/os.html#os.fdopen
    """
    if not isinstance(fd, int):
        raise TypeError(f"invalid fd type ({type(fd)}, expected integer)")
    if "b" not in mode:
        encoding = io.text_encoding(encoding)  # type: ignore[attr-defined]  # since 3.10
    return open_fd(fd, mode, buffering, encoding, *args, **kwargs)


def read(fd: int, length: int, /) -> bytes:
    """At most *length* bytes of *fd*; park until there are some. b"" is the end.

    On cancellation nothing has been read. https://docs.python.org/3/library/os.html#os.read

    Raises:
        BlockingIOError: *fd* is in non-blocking mode, and there is nothing.
        OSError: any other error of read(2); EBADF if green code closed it meanwhile.
    """
    if parkable() and index(length) > 0:
        data = take(index(fd), index(length))
        if data is not None:
            return data
    return os_read(fd, length)


def readinto(fd: int, buffer: WriteableBuffer, /) -> int:
    """Read into *buffer*; the number of bytes. Otherwise as :func:`read`."""
    if parkable():
        count = fill(index(fd), (buffer,))
        if count is not None:
            return count
    return _readinto(fd, buffer)  # type: ignore[no-any-return]


def readv(fd: int, buffers: Sequence[WriteableBuffer], /) -> int:
    """Read into each of *buffers* in turn; the number of bytes. Otherwise as :func:`read`."""
    if parkable():
        count = fill(index(fd), buffers)
        if count is not None:
            return count
    return _readv(fd, buffers)  # type: ignore[no-any-return]


def write(fd: int, data: ReadableBuffer, /) -> int:
    """Write *data* to *fd*, all of it if *fd* is in blocking mode; the number of bytes.

    Parks while there is no room. On cancellation a part may have been written. A write of up to
    ``PIPE_BUF`` bytes to a pipe stays atomic. https://docs.python.org/3/library/os.html#os.write

    Raises:
        BlockingIOError: *fd* is in non-blocking mode, and there is no room.
        OSError: any other error of write(2); EBADF if green code closed it meanwhile.
    """
    if not parkable():
        return os_write(fd, data)
    return put(index(fd), data, lambda: os_write(fd, data)) or 0


def writev(fd: int, buffers: Sequence[ReadableBuffer], /) -> int:
    """Write each of *buffers* in turn; the number of bytes. Otherwise as :func:`write`."""
    if not parkable():
        return _writev(fd, buffers)  # type: ignore[no-any-return]
    data = b"".join(buffers)  # one copy; the pieces need not end where buffers do
    return put(index(fd), data, lambda: _writev(fd, buffers)) or 0


def eventfd_read(fd: int) -> int:
    """The value of an eventfd; park while it is 0, unless it is in non-blocking mode."""
    if parkable():
        until_readable(index(fd))
    return _originals.os_eventfd_read(fd)  # type: ignore[no-any-return]


def eventfd_write(fd: int, value: int) -> None:
    """Add *value* to an eventfd; park while it is full, unless it is in non-blocking mode."""
    if parkable():
        until_writable(index(fd))
    _originals.os_eventfd_write(fd, value)


def _may_block(fd: int) -> bool:
    return parkable() and _stdlib.get_blocking(fd) and not is_file(fd)


def sendfile(out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
    """Send *count* bytes of *in_fd*; the number of bytes sent.

    If *out_fd* is in blocking mode, an OS thread sends and the caller parks. Cancelling ends the
    wait, and the thread sends the rest. https://docs.python.org/3/library/os.html#os.sendfile
    """
    if _may_block(out_fd):
        return offload(_sendfile, out_fd, in_fd, offset, count)  # type: ignore[no-any-return]
    return _sendfile(out_fd, in_fd, offset, count)  # type: ignore[no-any-return]


def splice(
    src: int,
    dst: int,
    count: int,
    offset_src: int | None = None,
    offset_dst: int | None = None,
    flags: int = 0,
) -> int:
    """Move *count* bytes from *src* to *dst*, one of which is a pipe; as :func:`sendfile`."""
    args: Any = src, dst, count, offset_src, offset_dst, flags
    if not flags & _SPLICE_F_NONBLOCK and (_may_block(src) or _may_block(dst)):
        return offload(_splice, *args)  # type: ignore[no-any-return]
    return _splice(*args)  # type: ignore[no-any-return]


def lockf(fd: int, command: int, length: int, /) -> None:
    """Lock a part of a file; with ``F_LOCK`` park until it is free. As :func:`fcntl.lockf`."""
    if command != _F_LOCK or not parkable():
        stalling("os.lockf", _lockf, fd, command, length)
        return
    until_locked(lambda: _lockf(fd, _F_TLOCK, length))


# -- children ----------------------------------------------------------------------------------


def system(command: str | bytes | _stdlib.PathLike[Any]) -> int:
    """Run *command* in a shell; its exit status as of ``wait``. Parks while it runs.

    An OS thread waits for it: signals are ignored meanwhile as system(3) says. Cancelling ends
    the wait, not the command. https://docs.python.org/3/library/os.html#os.system
    """
    return offload(_system, command)


def _ask(
    waiting: ChildWait, options: int, ask: Callable[[int], Any], nothing: Callable[[Any], bool]
) -> Any:
    """Call ``ask(options)``, which must not block, until it knows something; park in between."""
    if options & _WNOHANG:
        return ask(options)
    if not parkable():
        return stalling("wait", ask, options)
    while nothing(found := ask(options | _WNOHANG)):
        waiting.park()
    return found


def _wait_for(pid: int, options: int) -> ChildWait:
    # A pidfd tells the end of one process, and nothing else.
    return ChildWait(index(pid) if not options else 0)


def _no_pid(found: Any) -> bool:
    return not found[0]


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """Park until the child *pid* ends; -1 is any child. Its pid and exit status.

    Other children are left alone, and no handler for SIGCHLD is touched. On cancellation the child
    can still be waited for. https://docs.python.org/3/library/os.html#os.waitpid

    Raises:
        ChildProcessError: there is no such child.
    """
    waiting = _wait_for(pid, options)
    return _ask(waiting, options, lambda how: os_waitpid(pid, how), _no_pid)  # type: ignore[no-any-return]


def wait() -> tuple[int, int]:
    """Park until any child ends; its pid and exit status. As :func:`waitpid`."""
    return waitpid(-1, 0)


def wait3(options: int) -> tuple[int, int, Any]:
    """Park until any child ends; its pid, exit status and use of resources."""
    return _ask(ChildWait(), options, lambda how: _wait3(how), _no_pid)  # type: ignore[no-any-return]


def wait4(pid: int, options: int) -> tuple[int, int, Any]:
    """Park until the child *pid* ends; its pid, exit status and use of resources."""
    waiting = _wait_for(pid, options)
    return _ask(waiting, options, lambda how: _wait4(pid, how), _no_pid)  # type: ignore[no-any-return]


def waitid(idtype: int, ident: int, options: int, /) -> Any:
    """Park until a child is in one of the states of *options*; what happened, or None.

    https://docs.python.org/3/library/os.html#os.waitid
    """
    waiting = ChildWait()
    if options & ~_WNOWAIT == _WEXITED:
        if idtype == _P_PIDFD:
            waiting = ChildWait(pidfd=index(ident))
        elif idtype == _P_PID:
            waiting = ChildWait(index(ident))
    return _ask(
        waiting, options, lambda how: _waitid(idtype, ident, how), lambda found: found is None
    )
