"""What the green socket does after a first attempt that would have blocked.

Theory of operation. Every method of :class:`greenbridge.green.socket.socket` first
tries the C method in a way that cannot block: ``MSG_DONTWAIT`` for whatever takes
flags, ``O_NONBLOCK`` around the call for ``accept``, ``connect`` and ``sendfile``,
which take none. If there is nothing to do yet, it waits through the one seam
(``_waiting``) and tries again. The seam parks in green code and polls in a native
thread, so nothing here asks which of the two it is, except where the original can
simply be called instead.

Two numbers belong to a socket. ``_gb_timeout`` is what ``gettimeout()`` reports.
``_gb_limit`` is how long an operation waits: the same, but 0 for a descriptor that was
non-blocking when it was handed in (``fileno=``), as in the stdlib, where such a socket
reports None and still raises BlockingIOError.

CPython's rules: ``sock_call_ex``, ``internal_connect`` and ``sock_sendall`` in
https://github.com/python/cpython/blob/3.13/Modules/socketmodule.c
"""

from __future__ import annotations

import _socket
import errno
import io
import os
import select
import socket as _stdlib
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .._originals import monotonic, select_poll
from .._timers import NEVER
from .._waiting import parkable, sleep, wait_readable, wait_writable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from _typeshed import ReadableBuffer, WriteableBuffer

    from .socket import socket

T = TypeVar("T")

# C methods, bound once: a plain call, whatever a subclass overrides.
_C: Final = _socket.socket
_accept: Final[Callable[[socket], tuple[int, Any]]] = _C._accept  # type: ignore[attr-defined]
_fileno: Final = _socket.socket.fileno
_getsockopt: Final = _socket.socket.getsockopt
_recv: Final = _socket.socket.recv
_recv_into: Final = _socket.socket.recv_into
_send: Final = _socket.socket.send

# Plain ints: an IntFlag would run Python code at every "|".
DONTWAIT: Final = int(getattr(_socket, "MSG_DONTWAIT", 0))
#: Flags with which even a blocking recv raises EAGAIN: tcp(7), "this call never blocks".
NOWAIT: Final = (
    DONTWAIT | int(getattr(_socket, "MSG_ERRQUEUE", 0)) | int(getattr(_socket, "MSG_OOB", 0))
)
#: Without MSG_DONTWAIT (Windows) the descriptor of a green socket is always non-blocking.
BLOCKING: Final = None if DONTWAIT else 0.0

#: What arrives in pieces of so many bytes is a stream, and while it is read more comes: the next
#: recv tries at once, which saves a wait for each window's worth of data. The number is a guess.
STREAM_FROM: Final = 16_384
#: Largest piece for one sendfile(2), bytes: https://bugs.python.org/issue38319
_SENDFILE_MOST: Final = 2**30
#: Seconds between attempts to connect to a Unix socket whose backlog is full. A guess:
#: the kernel has no event for it.
_BACKLOG_FIRST: Final = 0.001
_BACKLOG_MOST: Final = 0.05

_forked = False


def _note_fork() -> None:
    """Remember that descriptors may be shared with another process from now on."""
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_note_fork)


def attempt(
    wait: Callable[[int, float | None], bool],
    nowait: int,
    call: Callable[..., T],
    sock: socket,
    *args: Any,
) -> T:
    """Give ``call(sock, *args)``, waiting until it does not raise BlockingIOError.

    *nowait* is true if the caller's flags say that a blocking socket must not wait.
    Raises TimeoutError after the socket's timeout. Interrupted while it waits, nothing
    was received or sent.
    """
    try:
        return call(sock, *args)
    except BlockingIOError:
        limit = sock._gb_limit
        if (nowait and limit is None) or limit == 0:
            raise
    return retry(wait, call, sock, *args)


def receive(call: Callable[..., T], sock: socket, flags: int, *args: Any) -> T:
    """Give ``call(sock, *args, flags)``, waiting until there is something; see ``attempt``."""
    return attempt(wait_readable, flags & NOWAIT, call, sock, *args, flags | DONTWAIT)


def retry(
    wait: Callable[[int, float | None], bool], call: Callable[..., T], sock: socket, *args: Any
) -> T:
    """What :func:`attempt` does after the first attempt failed."""
    limit = sock._gb_limit
    if limit is None:
        while True:
            wait(_fileno(sock), None)
            try:
                return call(sock, *args)
            except BlockingIOError:
                pass  # somebody else was faster
    deadline = monotonic() + limit
    left = limit
    while left >= 0 and wait(_fileno(sock), left):
        try:
            return call(sock, *args)
        except BlockingIOError:
            left = deadline - monotonic()
    raise TimeoutError("timed out")


def receive_later(sock: socket, bufsize: int, deadline: float | None) -> bytes:
    """What ``recv`` does after an attempt that would have blocked, before or after a wait.

    *deadline* is that of a wait before: should its time be over, that was the last attempt.
    """
    limit = sock._gb_limit
    if deadline is not None:
        limit = deadline - monotonic()
    elif limit is not None:
        deadline = monotonic() + limit
    while limit is None or limit >= 0:
        ready = wait_readable(_fileno(sock), limit)
        try:
            data = _recv(sock, bufsize, DONTWAIT)
        except BlockingIOError:
            pass  # somebody else was faster
        else:
            if sock._gb_drained is not None:
                sock._gb_drained = 0 < len(data) < bufsize and len(data) < STREAM_FROM
            return data
        if deadline is not None:
            limit = deadline - monotonic() if ready else -1.0
    raise TimeoutError("timed out")


def room(buffer: WriteableBuffer) -> int:
    """The size of *buffer* in bytes; 0 if nothing can be written into it."""
    if type(buffer) is bytearray:
        return len(buffer)
    try:
        view = memoryview(buffer)
    except TypeError:
        return 0
    return 0 if view.readonly else view.nbytes


def receive_drained_into(sock: socket, buffer: WriteableBuffer, nbytes: int) -> int:
    """As :func:`receive_drained`, into *buffer*."""
    if not 0 <= nbytes <= room(buffer) or not room(buffer):
        return _recv_into(sock, buffer, nbytes, DONTWAIT)  # refuses it, or takes nothing: at once
    limit = sock._gb_limit
    deadline = NEVER if limit is None else monotonic() + limit
    while True:
        ready = wait_readable(_fileno(sock), limit)
        try:
            count = _recv_into(sock, buffer, nbytes, DONTWAIT)
        except BlockingIOError:
            pass
        else:
            if sock._gb_drained is not None:
                most = nbytes or room(buffer)
                sock._gb_drained = 0 < count < most and count < STREAM_FROM
            return count
        if limit is not None:
            limit = deadline - monotonic()
            if not ready or limit < 0:
                raise TimeoutError("timed out")


def send_rest(sock: socket, data: ReadableBuffer, sent: int, flags: int) -> None:
    """Send what ``sendall`` has left after its first *sent* bytes.

    The socket's timeout counts for all of it, as in the stdlib. Interrupted while it
    waits, a part was sent, and nobody knows how much: as in the stdlib.
    """
    limit = sock._gb_limit
    waits = limit != 0 and not (flags & DONTWAIT and limit is None)
    deadline = monotonic() + limit if limit else 0.0
    with memoryview(data) as whole:
        if sent >= whole.nbytes:
            return
        with whole.cast("B") as view:
            while sent < len(view):
                # A short count means that the buffer is full: wait first.
                if not waits:
                    pass
                elif limit is None:
                    wait_writable(_fileno(sock))
                else:
                    left = deadline - monotonic()
                    if left < 0 or not wait_writable(_fileno(sock), left):
                        raise TimeoutError("timed out")
                try:
                    sent += _send(sock, view[sent:], flags | DONTWAIT)
                except BlockingIOError:
                    if not waits:
                        raise


def accept(sock: socket) -> tuple[int, Any]:
    """Accept one connection: its descriptor and its address.

    A connection that was accepted is always returned: nothing is lost when the wait is
    interrupted.
    """
    if sock._gb_limit is not None or not parkable():
        return attempt(wait_readable, 0, _accept, sock)  # blocks in C, if the descriptor does
    return attempt(wait_readable, 0, _accept_now, sock)


def _accept_now(sock: socket) -> tuple[int, Any]:
    # After a fork, parent and child may accept from one listener and share its flag: one
    # would switch it back between the other's switch and call, which then blocks a whole
    # loop. So it stays on from then on. Green sockets do not mind.
    return _without_blocking(not _forked, _fileno(sock), _accept, sock)


def _without_blocking(restore: bool, fd: int, call: Callable[..., T], *args: Any) -> T:
    """Give ``call(*args)`` with O_NONBLOCK on *fd*, which afterwards is as it was before."""
    if fd < 0 or not os.get_blocking(fd):
        return call(*args)
    os.set_blocking(fd, False)
    try:
        return call(*args)
    finally:
        if restore:
            os.set_blocking(fd, True)


def connect(sock: socket, address: Any, call: Callable[[Any, Any], int | None]) -> int:
    """Connect: 0, the errno, or -1 for a timeout. *call* is the C ``connect`` or ``connect_ex``.

    Raises what *call* raises for an address that is not one. Interrupted while it
    waits, the connection is still being made, as after a timeout.
    """
    limit = sock._gb_limit
    if limit is not None or not parkable():
        code = _start(sock, address, call)  # blocks in C, if the descriptor does
    else:
        code = _without_blocking(True, _fileno(sock), _start, sock, address, call)
        pause = _BACKLOG_FIRST
        while code == errno.EAGAIN and sock.family == getattr(_socket, "AF_UNIX", None):
            # A blocking connect(2) waits until the listener has accepted somebody.
            sleep(pause)
            pause = min(pause * 2, _BACKLOG_MOST)
            code = _without_blocking(True, _fileno(sock), _start, sock, address, call)
    if limit == 0 or code not in (errno.EINPROGRESS, _WSAEWOULDBLOCK):
        return code
    try:
        # On loopback the connection stands already: parking would cost more than connecting.
        if not _is_writable(_fileno(sock)) and not wait_writable(_fileno(sock), limit):
            return -1
    except OSError as error:
        if error.errno != errno.EBADF:
            raise  # not the seam's: what was raised to interrupt the wait
        return errno.EBADF  # closed meanwhile
    code = _getsockopt(sock, _socket.SOL_SOCKET, _socket.SO_ERROR)
    return 0 if code == errno.EISCONN else code


def _is_writable(fd: int) -> bool:
    if select_poll is None or fd < 0:
        return False
    poller = select_poll()
    poller.register(fd, _POLLOUT)
    return bool(poller.poll(0))


_POLLOUT: Final = getattr(select, "POLLOUT", 4)
_WSAEWOULDBLOCK: Final = getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)


def _start(sock: socket, address: Any, call: Callable[[Any, Any], int | None]) -> int:
    try:
        return call(sock, address) or 0
    except BlockingIOError as error:
        return error.errno or errno.EINPROGRESS


def sendfile(sock: socket, file: BinaryIO, offset: int, count: int | None) -> int:
    """Send *count* bytes of *file* with sendfile(2); the number of bytes sent.

    Raises the stdlib's private "give up" error if sendfile(2) cannot do it, so that
    ``sendfile`` falls back on ``send``. The timeout counts for each piece. However it
    ends, the position of the file says how much was sent.
    """
    give_up = _stdlib._GiveupOnSendfile  # type: ignore[attr-defined]  # private, since 3.5
    if not hasattr(os, "sendfile"):
        raise give_up("os.sendfile() not available on this platform")
    sock._check_sendfile_params(file, offset, count)  # type: ignore[attr-defined]  # private
    out = sock.fileno()
    try:
        source = file.fileno()
    except (AttributeError, io.UnsupportedOperation) as error:
        raise give_up(error) from error
    try:
        size = os.fstat(source).st_size
    except OSError as error:
        raise give_up(error) from error
    if not size:
        return 0
    if sock.gettimeout() == 0:
        raise ValueError("non-blocking sockets are not supported")
    limit = sock.gettimeout()
    toggles = limit is None and parkable()
    total = 0
    try:
        while True:
            piece = min(count - total if count else size, _SENDFILE_MOST)
            if piece <= 0:
                break
            try:
                if toggles:
                    sent = _without_blocking(True, out, os.sendfile, out, source, offset, piece)
                else:
                    sent = os.sendfile(out, source, offset, piece)
            except BlockingIOError:
                sent = -1
            except OSError as error:
                if total:
                    raise error from None
                raise give_up(error) from error  # not a file that the kernel can map
            if sent == 0:
                break
            if sent > 0:
                offset += sent
                total += sent
            elif not wait_writable(out, limit):
                raise TimeoutError("timed out")
    finally:
        if total > 0 and hasattr(file, "seek"):
            file.seek(offset)
    return total
