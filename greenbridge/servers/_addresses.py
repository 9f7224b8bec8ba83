"""From what a user writes for an address to a bound socket."""

from __future__ import annotations

import os
import socket as _stdlib
import stat
import sys
from typing import TYPE_CHECKING, Any, Final

from ..green import socket as green

if TYPE_CHECKING:
    from socket import socket

    Address = tuple[str, int] | str | int | os.PathLike[str]

_UNIX: Final = getattr(_stdlib, "AF_UNIX", None)


def parse(address: Any) -> tuple[int, Any]:
    """The family and the address in the form of the ``socket`` module.

    ``("127.0.0.1", 80)``, ``"127.0.0.1:80"``, ``"[::1]:80"``, ``":80"``, ``80``; ``"unix:/path"``,
    ``"/path"`` or a Path. No host, or ``*``, means every address of the machine.

    Raises:
        TypeError: if it is none of these.
        ValueError: if the port is no number.
    """
    if isinstance(address, tuple):
        host, port = address[:2]
        return _with_host(host, int(port), address[2:])
    if isinstance(address, int) and not isinstance(address, bool):
        return _with_host("", address)
    if isinstance(address, os.PathLike):
        return _unix(os.fspath(address))
    if not isinstance(address, str):
        raise TypeError(
            f"a server needs an address, (host, port) or 'host:port' or a path, or a socket that "
            f"is bound; not {address!r}"
        )
    if address.startswith(("/", "\0")):
        return _unix(address)
    if address.startswith("unix:"):
        return _unix(address.removeprefix("unix:"))
    host, colon, port_text = address.rpartition(":")
    try:
        port = int(port_text)
    except ValueError:
        raise ValueError(
            f"{address!r} has no port number at its end. Write 'host:port', or 'unix:path' for a "
            "Unix socket"
        ) from None
    return _with_host(host.strip("[]") if colon else "", port)


def _unix(path: str) -> tuple[int, Any]:
    if _UNIX is None:
        raise ValueError(
            f"there are no Unix sockets on {sys.platform}, so {path!r} cannot be bound"
        )
    return _UNIX, path


def _with_host(host: str | None, port: int, rest: tuple[Any, ...] = ()) -> tuple[int, Any]:
    if not host or host == "*":
        everywhere = _stdlib.AF_INET6 if _stdlib.has_dualstack_ipv6() else _stdlib.AF_INET
        return everywhere, ("", port)
    family = _stdlib.AF_INET6 if ":" in host else _stdlib.AF_INET
    return family, (host, port, *rest)


def bound(address: Any, kind: int, backlog: int, reuse_port: bool) -> socket:
    """A green socket that is bound to *address*; a stream socket (*kind*) listens as well.

    A Unix socket that is left from an earlier run is removed first.
    """
    family, where = parse(address)
    if reuse_port and not hasattr(_stdlib, "SO_REUSEPORT"):
        raise ValueError(f"SO_REUSEPORT does not exist on {sys.platform}; leave out reuse_port")
    sock = green.socket(family, kind)
    try:
        if family == _UNIX:
            _remove_stale(where)
        elif kind == _stdlib.SOCK_STREAM and os.name != "nt":
            # Not for datagrams: on Linux everybody could then take the port over (bpo-37228).
            sock.setsockopt(_stdlib.SOL_SOCKET, _stdlib.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(_stdlib.SOL_SOCKET, _stdlib.SO_REUSEPORT, 1)
        if family == _stdlib.AF_INET6:
            sock.setsockopt(_stdlib.IPPROTO_IPV6, _stdlib.IPV6_V6ONLY, int(bool(where[0])))
        sock.bind(where)
        if kind == _stdlib.SOCK_STREAM:
            sock.listen(backlog)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, f"{error.strerror}: {address!r}") from None
        raise
    return sock


def _remove_stale(path: str) -> None:
    if path.startswith("\0"):
        return  # an abstract name: not a file
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass


def unlink(path: str, inode: int) -> None:
    """Remove the file of a Unix socket, unless another server has put its own there."""
    try:
        if os.stat(path).st_ino == inode:
            os.unlink(path)
    except FileNotFoundError:
        pass


def inode_of(sock: socket) -> tuple[str, int] | None:
    """The path and the inode of a bound Unix socket; None for every other one."""
    if sock.family != _UNIX:
        return None
    path = sock.getsockname()
    if not isinstance(path, str) or not path or path.startswith("\0"):
        return None
    return path, os.stat(path).st_ino
