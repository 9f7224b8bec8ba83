"""``MSG_WAITALL`` on a blocking green socket: the kernel's rule, without its wait.

``MSG_WAITALL | MSG_DONTWAIT`` gives what is there, so the rest has to be
collected here. That happens only where the kernel would wait: a stream socket without a
timeout. If the wait is interrupted by an exception, the part that had arrived is gone
with it, as it is with the stdlib when a signal handler raises.
"""

from __future__ import annotations

import _socket
from typing import TYPE_CHECKING, Any, Final

from .._offload import offload
from .._waiting import wait_readable
from ._sockio import DONTWAIT, NOWAIT, attempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import WriteableBuffer

    from .socket import socket

_fileno: Final = _socket.socket.fileno
_recv: Final = _socket.socket.recv
_recv_into: Final = _socket.socket.recv_into
_recvfrom: Final = _socket.socket.recvfrom
_recvfrom_into: Final = _socket.socket.recvfrom_into
_recvmsg: Final[Any] = getattr(_socket.socket, "recvmsg", None)
_recvmsg_into: Final[Any] = getattr(_socket.socket, "recvmsg_into", None)
_type: Final[Any] = _socket.socket.type  # a member descriptor: the plain number

WAITALL: Final = int(getattr(_socket, "MSG_WAITALL", 0))
_PEEK: Final = int(_socket.MSG_PEEK)


def collects(sock: socket, flags: int) -> bool:
    """Whether the kernel would wait for all of it, so that we have to. *flags* has WAITALL."""
    return (
        sock._gb_limit is None and not flags & NOWAIT and _type.__get__(sock) == _socket.SOCK_STREAM
    )


def recv(sock: socket, bufsize: int, flags: int) -> bytes:
    """``socket.recv`` with MSG_WAITALL in *flags*."""
    if flags & _PEEK:
        # Takes nothing out, so whoever is interrupted loses nothing.
        return offload(_recv, sock, bufsize, flags)
    if bufsize <= 0:
        return _recv(sock, bufsize, flags)  # refuses it, or gives nothing
    buffer = bytearray(bufsize)
    return bytes(buffer[: _fill(sock, memoryview(buffer), flags)])


def recv_into(sock: socket, buffer: WriteableBuffer, nbytes: int, flags: int) -> int:
    """``socket.recv_into`` with MSG_WAITALL in *flags*."""
    if flags & _PEEK:
        return offload(_recv_into, sock, buffer, nbytes, flags)
    with memoryview(buffer) as whole, whole.cast("B") as view:
        if not 0 <= nbytes <= len(view):
            return _recv_into(sock, view, nbytes, flags)  # refuses it
        return _fill(sock, view[:nbytes] if nbytes else view, flags)


def recvfrom(sock: socket, bufsize: int, flags: int) -> tuple[bytes, Any]:
    """``socket.recvfrom`` with MSG_WAITALL in *flags*."""
    if flags & _PEEK:
        return offload(_recvfrom, sock, bufsize, flags)
    if bufsize <= 0:
        return _recvfrom(sock, bufsize, flags)
    buffer = bytearray(bufsize)
    got, address = recvfrom_into(sock, buffer, bufsize, flags)
    return bytes(buffer[:got]), address


def recvfrom_into(
    sock: socket, buffer: WriteableBuffer, nbytes: int, flags: int
) -> tuple[int, Any]:
    """``socket.recvfrom_into`` with MSG_WAITALL in *flags*."""
    if flags & _PEEK:
        return offload(_recvfrom_into, sock, buffer, nbytes, flags)
    with memoryview(buffer) as whole, whole.cast("B") as view:
        if not 0 <= nbytes <= len(view):
            return _recvfrom_into(sock, view, nbytes, flags)
        part = view[:nbytes] if nbytes else view
        got, address = attempt(
            wait_readable, 0, _recvfrom_into, sock, part, len(part), flags | DONTWAIT
        )
        if got:
            got += _fill(sock, part[got:], flags, partly=True)
        return got, address


def recvmsg(
    sock: socket, bufsize: int, ancbufsize: int, flags: int
) -> tuple[bytes, list[Any], int, Any]:
    """``socket.recvmsg`` with MSG_WAITALL in *flags*."""
    if flags & _PEEK:
        result: tuple[bytes, list[Any], int, Any] = offload(
            _recvmsg, sock, bufsize, ancbufsize, flags
        )
        return result
    buffer = bytearray(bufsize)
    got, ancillary, got_flags, address = recvmsg_into(sock, [buffer], ancbufsize, flags)
    return bytes(buffer[:got]), ancillary, got_flags, address


def recvmsg_into(
    sock: socket, buffers: Iterable[WriteableBuffer], ancbufsize: int, flags: int
) -> tuple[int, list[Any], int, Any]:
    """``socket.recvmsg_into`` with MSG_WAITALL in *flags*.

    Data that came with ancillary data ends the call, as in the kernel (unix(7)).
    """
    buffers = tuple(buffers)
    if flags & _PEEK:
        result: tuple[int, list[Any], int, Any] = offload(
            _recvmsg_into, sock, buffers, ancbufsize, flags
        )
        return result
    got, ancillary, got_flags, address = attempt(
        wait_readable, 0, _recvmsg_into, sock, buffers, ancbufsize, flags | DONTWAIT
    )
    total = got
    for buffer in () if ancillary or not got else buffers:
        with memoryview(buffer) as whole, whole.cast("B") as view:
            done = min(got, len(view))
            got -= done
            more = _fill(sock, view[done:], flags, partly=True)
            total += more
            if done + more < len(view):
                break
    return total, ancillary, got_flags, address


def _fill(sock: socket, view: memoryview, flags: int, *, partly: bool = False) -> int:
    """Receive until *view* is full or no more comes; an error counts only if nothing came."""
    got = 0
    while got < len(view):
        try:
            n = _recv_into(sock, view[got:], 0, flags | DONTWAIT)
        except BlockingIOError:
            wait_readable(_fileno(sock))
            continue
        except OSError:
            if got or partly:
                break
            raise
        if not n:
            break
        got += n
    return got
