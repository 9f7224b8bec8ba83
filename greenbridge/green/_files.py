"""File objects for pipes, terminals and whatever else is no file on disk: their reads park.

They are the classes of ``io``, with another way to wait at the bottom. What stands above, the
buffers and the text layer, is the stdlib's own C code, which calls the methods here.

A buffered file of the stdlib takes a native lock while it reads. A green thread that parks in
the middle of that would make every other one that uses the file block the OS thread (or, as the
stdlib believes that they are the same thread, raise "reentrant call"). So a buffered file here
has a lock of its own in front: who comes second parks, as a second OS thread would block.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, Final, final

from greenlet import getcurrent

from .._waiting import closing_fd, parkable
from ._pipes import fill, is_file, put, take
from ._turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ("BufferedReader", "BufferedWriter", "FileIO", "open_fd")

_FileIO: Final = io.FileIO
_BufferedReader: Final = io.BufferedReader
_BufferedWriter: Final = io.BufferedWriter
# Bytes for one step of readall().
_STEP: Final = 1 << 16
# io.open takes the block size of the file for the size of a buffer, within these limits.
_BUFFER_LEAST: Final = io.DEFAULT_BUFFER_SIZE if sys.version_info >= (3, 14) else 2
_BUFFER_MOST: Final = 1 << 23 if sys.version_info >= (3, 14) else 1 << 62


class FileIO(io.FileIO):
    """As ``io.FileIO``; in green code a read or write parks where that would block."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if parkable():
            count = fill(self.fileno(), (buffer,))
            if count is not None:
                return count
        return _FileIO.readinto(self, buffer)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        if size and parkable():
            data = take(self.fileno(), size)
            if data is not None:
                return data
        return _FileIO.read(self, size)

    def readall(self) -> bytes:
        if not parkable():
            return _FileIO.readall(self)
        parts = []
        while part := self.read(_STEP):
            parts.append(part)
        return b"".join(parts) if parts else part

    def write(self, data: ReadableBuffer, /) -> int:
        if not parkable():
            return _FileIO.write(self, data)
        return put(self.fileno(), data, lambda: _FileIO.write(self, data))  # type: ignore[return-value]  # None as io

    def close(self) -> None:
        """Close it; who waits for the descriptor in green code gets ``OSError`` (EBADF)."""
        if not self.closed and self.closefd:
            closing_fd(self.fileno())
        _FileIO.close(self)


@final
class _Monitor:
    """A lock that whoever holds it may take again. Taken by greenlet: each has its own stack."""

    __slots__ = ("_depth", "_holder", "_turn")

    def __init__(self) -> None:
        self._turn = Turn()
        self._holder: Any = None
        self._depth = 0

    def __enter__(self) -> None:
        own = getcurrent()
        if self._holder is not own:
            self._turn.acquire()
            self._holder = own
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._turn.release()


def _in_turn(method: Callable[..., Any]) -> Any:  # Any: a method of the same signature
    name = method.__name__

    def call(self: Any, *args: Any) -> Any:
        with self._gb_monitor:
            return method(self, *args)

    call.__name__ = name
    call.__doc__ = method.__doc__
    return call


class BufferedReader(io.BufferedReader):
    """As ``io.BufferedReader``; any number of green and native threads may use one."""

    def __init__(self, raw: io.RawIOBase, buffer_size: int) -> None:
        self._gb_monitor = _Monitor()
        _BufferedReader.__init__(self, raw, buffer_size)

    close = _in_turn(_BufferedReader.close)
    detach = _in_turn(_BufferedReader.detach)
    peek = _in_turn(_BufferedReader.peek)
    read = _in_turn(_BufferedReader.read)
    read1 = _in_turn(_BufferedReader.read1)
    readinto = _in_turn(_BufferedReader.readinto)
    readinto1 = _in_turn(_BufferedReader.readinto1)
    readline = _in_turn(_BufferedReader.readline)


class BufferedWriter(io.BufferedWriter):
    """As ``io.BufferedWriter``; any number of green and native threads may use one."""

    def __init__(self, raw: io.RawIOBase, buffer_size: int) -> None:
        self._gb_monitor = _Monitor()
        _BufferedWriter.__init__(self, raw, buffer_size)

    close = _in_turn(_BufferedWriter.close)
    detach = _in_turn(_BufferedWriter.detach)
    flush = _in_turn(_BufferedWriter.flush)
    write = _in_turn(_BufferedWriter.write)


def open_fd(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """What ``io.open`` gives for a descriptor; if that is no file on disk, it parks.

    Raises:
        ValueError, TypeError, OSError: as ``io.open``.
    """
    rest = encoding, errors, newline
    if opener is not None or not isinstance(file, int) or file < 0 or is_file(file):
        return open(file, mode, buffering, *rest, closefd, opener)
    # The original checks the arguments, and warns; what it makes shows what is to be made.
    pattern: Any = open(file, mode, buffering, *rest, closefd=False)  # noqa: SIM115
    raw = FileIO(file, mode.translate(_NO_LAYERS), closefd)
    try:
        return _like(pattern, raw, mode, buffering, newline)
    except BaseException:
        raw.close()
        raise


_NO_LAYERS: Final = {ord("b"): None, ord("t"): None}


def _like(pattern: Any, raw: FileIO, mode: str, buffering: int, newline: str | None) -> Any:
    buffered = getattr(pattern, "buffer", pattern)
    if isinstance(buffered, _FileIO):
        return raw
    if buffering <= 1:
        block: int = raw._blksize  # type: ignore[attr-defined]  # of a pipe: 4096
        buffering = max(min(block, _BUFFER_MOST), _BUFFER_LEAST)
    binary: Any
    if isinstance(buffered, _BufferedReader):
        binary = BufferedReader(raw, buffering)
    elif isinstance(buffered, _BufferedWriter):
        binary = BufferedWriter(raw, buffering)
    else:  # a device that can be positioned, as /dev/null: it never waits
        binary = io.BufferedRandom(raw, buffering)
    if pattern is buffered:
        return binary
    text = io.TextIOWrapper(
        binary,
        pattern.encoding,
        pattern.errors,
        newline,
        pattern.line_buffering,
    )
    text.mode = mode  # type: ignore[misc]  # as io.open does
    return text
