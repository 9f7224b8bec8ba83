"""``wsgi.input``: the body of a request, received when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@final
class Body:
    """A file of bytes that can be read once. Each read waits for what it needs, and no more.

    Args:
        receive: gives the next piece; nothing at the end.
    """

    __slots__ = ("_at", "_buffer", "_ended", "_receive")

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = b""
        self._at = 0  # how much of it has been read
        self._ended = False

    def _more(self) -> bool:
        """Receive another piece; False at the end."""
        if self._ended:
            return False
        piece = self._receive()
        self._ended = not piece
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return not self._ended

    def _take(self, end: int) -> bytes:
        data = self._buffer[self._at : end]
        self._at += len(data)
        return data

    def read(self, size: int | None = -1, /) -> bytes:
        """*size* bytes, fewer only at the end; None or a negative size: all that is left."""
        if size is not None and size >= 0:
            while len(self._buffer) - self._at < size and self._more():
                pass
            return self._take(self._at + size)
        pieces = [self._take(len(self._buffer))]
        while self._more():
            pieces.append(self._take(len(self._buffer)))
        return b"".join(pieces)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Up to and with the next newline, at most *size* bytes if that is not negative."""
        most = -1 if size is None or size < 0 else size
        searched = 0  # bytes after _at
        while True:
            end = self._buffer.find(b"\n", self._at + searched) + 1
            if end:
                break
            end = len(self._buffer)
            searched = end - self._at
            if 0 <= most <= searched or not self._more():
                break
        return self._take(end if most < 0 else min(end, self._at + most))

    def readlines(self, hint: int | None = None, /) -> list[bytes]:
        """The lines that are left; with a *hint*, as many as make up so many bytes."""
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if line:
            return line
        raise StopIteration
