"""Reading and writing descriptors that are in blocking mode, as pipes mostly are.

The mode is never changed: it belongs to everybody who shares the file, other processes included.
So the descriptor is looked at, waited for, and then read or written in the ordinary way. What is
not in blocking mode is left to the original, which raises; and a regular file is always ready.

Two things could still block after a look, and are done with ``RWF_NOWAIT``, where the kernel
knows it for that kind of file:

* another reader, who was woken as well, has taken what there was;
* a write is larger than the free space. In blocking mode a write is complete when it returns, so
  a large one is made piece by piece. Without ``RWF_NOWAIT`` a piece is what surely fits, or the
  file is opened a second time, not in blocking mode.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
from typing import TYPE_CHECKING, Any, Final

from .._borrowed import is_ready, wait_borrowed
from .._originals import fcntl_fcntl as _fcntl
from .._originals import os_close, os_write
from .._waiting import POLLIN, POLLOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ("fill", "is_file", "put", "take", "until_readable", "until_writable")

_F_GETFL: Final = fcntl.F_GETFL
_O_ACCMODE: Final = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
# Never replaced: on a pipe they are our own.
_preadv: Final[Any] = getattr(os, "preadv", None)
_pwritev: Final[Any] = getattr(os, "pwritev", None)
# The number is the kernel's, since 4.14, also where the headers of the build were older.
_NOWAIT: Final = getattr(os, "RWF_NOWAIT", 0)
_NOT_KNOWN: Final = frozenset((errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ESPIPE))
_PIPE_BUF: Final = select.PIPE_BUF if hasattr(select, "PIPE_BUF") else 512
# Bytes that anything but a terminal has room for when poll() says that it can be written.
_SMALL: Final = 256
# The other end of every pseudo-terminal; to open it makes a new one. Linux: devices.txt
_PTMX: Final = os.makedev(5, 2) if hasattr(os, "makedev") else -1
# Most bytes that one read gives after a wait: what a pipe holds, if nobody changed that.
_TAKEN_MOST: Final = 1 << 16
# Largest piece for one write, bytes; more than a pipe or a socket holds (a guess).
_PIECE: Final = 1 << 20


def _would_block(fd: int, events: int) -> bool:
    """Whether the original would have to wait: not for a file in non-blocking mode, nor for one
    that is not open for this.
    """
    if is_ready(fd, events):
        return False
    flags = _fcntl(fd, _F_GETFL)
    wrong = os.O_WRONLY if events == POLLIN else os.O_RDONLY
    return not flags & os.O_NONBLOCK and flags & _O_ACCMODE != wrong


def until_readable(fd: int) -> bool:
    """Park until reading *fd* would not block; True if there was something to wait for."""
    waited = False
    while _would_block(fd, POLLIN):
        wait_borrowed(fd, POLLIN)
        waited = True
    return waited


def until_writable(fd: int) -> None:
    """Park until a small write to *fd* would not block."""
    while _would_block(fd, POLLOUT):
        wait_borrowed(fd, POLLOUT)


def fill(fd: int, buffers: Sequence[Any]) -> int | None:
    """What ``readv`` does, if there is nothing yet; None: read it in the original way."""
    return _grab(fd, buffers) if until_readable(fd) else None


def take(fd: int, length: int) -> bytes | None:
    """What ``read`` does, if there is nothing yet; None: read it in the original way."""
    if not until_readable(fd):
        return None
    buffer = bytearray(min(length, _TAKEN_MOST))
    count = _grab(fd, (buffer,))
    return None if count is None else bytes(buffer[:count])


def _grab(fd: int, buffers: Sequence[Any]) -> int | None:
    while _NOWAIT:
        try:
            return _preadv(fd, buffers, -1, _NOWAIT)  # type: ignore[no-any-return]
        except BlockingIOError:
            if not until_readable(fd):  # somebody else was faster, but there is more
                return None
        except OSError as error:
            if error.errno in _NOT_KNOWN:
                return None
            raise
    return None


def is_file(fd: int) -> bool:
    """Whether *fd* is a file on disk: always ready, and written in one go."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISREG(mode) or stat.S_ISBLK(mode) or stat.S_ISDIR(mode)


def put(fd: int, data: Any, write: Callable[[], int | None]) -> int | None:
    """What ``write`` does. *write* writes *data* to *fd*, in the original way.

    If the wait is interrupted after a part has been written, nobody learns how much that was, as
    in the stdlib when a signal handler raises.
    """
    try:
        view = memoryview(data).cast("B")
    except TypeError:
        return write()  # says it in its own words
    with view:
        size = len(view)
        if size <= _SMALL and not os.isatty(fd):
            until_writable(fd)
            return write()
        if is_file(fd) or not os.get_blocking(fd):
            return write()
        written = 0
        while written < size:
            with view[written : written + _PIECE] as piece:
                try:
                    written += _put_piece(fd, piece)
                except OSError:
                    if written:
                        return written  # the next write will tell
                    raise
        return written


def _put_piece(fd: int, piece: memoryview) -> int:
    write = _write_nowait if _NOWAIT else _write_otherwise
    while True:
        try:
            return write(fd, piece)
        except BlockingIOError:
            wait_borrowed(fd, POLLOUT)
        except OSError as error:
            if write is _write_otherwise or error.errno not in _NOT_KNOWN:
                raise
            write = _write_otherwise


def _write_nowait(fd: int, piece: memoryview) -> int:
    return _pwritev(fd, (piece,), -1, _NOWAIT)  # type: ignore[no-any-return]


def _write_otherwise(fd: int, piece: memoryview) -> int:
    """Write what there is room for, on a kernel that does not know RWF_NOWAIT for this."""
    if stat.S_ISFIFO(os.fstat(fd).st_mode):
        until_writable(fd)
        with piece[:_PIPE_BUF] as part:
            return os_write(fd, part)
    twin = _reopened(fd)
    if twin >= 0:
        try:
            return os_write(twin, piece)
        finally:
            os_close(twin)
    # Nothing is left but to change the mode for as long as the call takes.
    os.set_blocking(fd, False)
    try:
        return os_write(fd, piece)
    finally:
        os.set_blocking(fd, True)


def _reopened(fd: int) -> int:
    """A second file for the terminal *fd*, with a mode of its own; -1 if it cannot be had.

    A terminal's file is shared with the shell and all that runs in it. How much a terminal has
    room for is not told: it may be a single byte.
    """
    try:
        name = os.ttyname(fd)
        if os.stat(name).st_rdev == _PTMX:
            return -1
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return -1
