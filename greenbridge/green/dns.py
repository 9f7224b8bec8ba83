"""Name look-ups that do not hold up the loop.

libc answers, always: results, their order, errors and flags are the stdlib's, because
nothing is looked up here. The only question is in which thread libc is called. What
cannot block (a literal address with a numeric port, a name that libc finds in
``/etc/hosts``) is asked at once; everything else in an OS thread, while green code
parks. Outside green code the original is called directly.

When the wait is cancelled, the look-up runs on in its thread and its result is dropped.
"""

from __future__ import annotations

import _socket
from typing import Any, Final

from .. import _originals
from .._offload import offload
from .._waiting import parkable
from ._hosts import LocalHosts

_getaddrinfo: Final = _originals.socket_getaddrinfo
_gethostbyaddr: Final = _originals.socket_gethostbyaddr
_gethostbyname: Final = _originals.socket_gethostbyname
_gethostbyname_ex: Final = _originals.socket_gethostbyname_ex
_getnameinfo: Final = _originals.socket_getnameinfo

_INET: Final = int(_socket.AF_INET)
_INET6: Final = int(getattr(_socket, "AF_INET6", -1))
_NUMERIC: Final = int(_socket.AI_NUMERICHOST)
#: Flags with which a name in /etc/hosts is still answered by that file alone.
_PLAIN_FLAGS: Final = int(
    _socket.AI_PASSIVE
    | getattr(_socket, "AI_ADDRCONFIG", 0)
    | getattr(_socket, "AI_NUMERICSERV", 0)
)
#: What the C code takes as an address without a look-up: every address, and broadcast.
_SPECIAL: Final = ("", "<broadcast>", b"", b"<broadcast>")

_hosts: Final = LocalHosts()


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[Any, Any, int, str, Any]]:
    if _needs_no_service(port):
        if host is None:
            return _getaddrinfo(host, port, family, type, proto, flags)
        if _may_be_literal(host):
            try:
                return _getaddrinfo(host, port, family, type, proto, flags | _NUMERIC)
            except _socket.gaierror:
                if flags & _NUMERIC:
                    raise
        if not parkable() or (not flags & ~_PLAIN_FLAGS and _is_local(host, family)):
            return _getaddrinfo(host, port, family, type, proto, flags)
    return offload(_getaddrinfo, host, port, family, type, proto, flags)


def gethostbyname(hostname: Any, /) -> str:
    if not parkable() or _is_immediate(hostname, _INET):
        return _gethostbyname(hostname)
    return offload(_gethostbyname, hostname)


def gethostbyname_ex(hostname: Any, /) -> tuple[str, list[str], list[str]]:
    if not parkable() or _is_immediate(hostname, _INET):
        return _gethostbyname_ex(hostname)
    return offload(_gethostbyname_ex, hostname)


def gethostbyaddr(ip_address: Any, /) -> tuple[str, list[str], list[str]]:
    if not parkable() or _is_local_address(ip_address):
        return _gethostbyaddr(ip_address)
    return offload(_gethostbyaddr, ip_address)


def getnameinfo(sockaddr: Any, flags: int, /) -> tuple[str, str]:
    if not parkable() or _is_numeric_name(sockaddr, flags):
        return _getnameinfo(sockaddr, flags)
    return offload(_getnameinfo, sockaddr, flags)


def resolved(family: int, address: Any) -> Any:
    """*address* with the literal that its host name stands for, if C would look that up.

    For ``connect`` and all else that takes an address: the C code would look the name up
    inside the call, on the loop's thread.
    """
    if family != _INET and family != _INET6:
        return address
    if not isinstance(address, tuple) or not 2 <= len(address) <= 4:
        return address  # C says what is wrong with it
    host = address[0]
    try:
        _socket.inet_pton(family, host)
    except (OSError, TypeError, ValueError):
        pass
    else:
        return address
    if not isinstance(host, (str, bytes, bytearray)) or not parkable():
        return address
    if _is_immediate(host, family):
        return address
    # As setipaddr() of socketmodule.c: the first one that there is.
    found = getaddrinfo(bytes(host) if isinstance(host, bytearray) else host, None, family)
    return (found[0][4][0], *address[1:])


def _needs_no_service(port: Any) -> bool:
    """Whether *port* is one that libc does not look up in a list of services."""
    if port is None or type(port) is int:
        return True
    if isinstance(port, (str, bytes)):
        return port.isdigit() and (isinstance(port, bytes) or port.isascii())
    return isinstance(port, int)


def _may_be_literal(host: Any) -> bool:
    """Whether it is worth asking libc. All its literals have a colon or begin with a digit."""
    if isinstance(host, str):
        return host[:1].isdigit() or ":" in host
    if isinstance(host, (bytes, bytearray)):
        return host[:1].isdigit() or b":" in host
    return False


def _is_numeric_name(sockaddr: Any, flags: Any) -> bool:
    """Whether C answers ``getnameinfo`` without asking: it takes literal addresses only."""
    if not isinstance(sockaddr, tuple) or not sockaddr or not isinstance(flags, int):
        return False
    if not flags & _socket.NI_NUMERICSERV:
        return False
    return bool(flags & _socket.NI_NUMERICHOST) or _is_local_address(sockaddr[0])


def _is_literal(host: Any, family: int) -> bool:
    if not _may_be_literal(host):
        return False
    try:
        _socket.inet_pton(family, host)
    except (OSError, TypeError, ValueError):
        pass  # perhaps one of the older forms, as 127.1
    else:
        return True
    try:
        _socket.getaddrinfo(host, None, family, 0, 0, _NUMERIC)
    except (OSError, TypeError, ValueError):
        return False
    return True


def _is_immediate(host: Any, family: int) -> bool:
    """Whether C answers *host* without asking anybody, in the calls without flags."""
    return host in _SPECIAL or _is_literal(host, family) or _is_local(host, family)


def _is_local(host: Any, family: int) -> bool:
    """Whether libc finds this name in /etc/hosts."""
    if isinstance(host, (bytes, bytearray)):
        try:
            host = bytes(host).decode("ascii")
        except UnicodeDecodeError:
            return False
    if not isinstance(host, str) or not host.isascii() or host.endswith("."):
        return False
    return _hosts.has_name(host, family)


def _is_local_address(host: Any) -> bool:
    """Whether libc finds a name for this literal address in /etc/hosts."""
    for family in (_INET, _INET6):
        try:
            packed = _socket.inet_pton(family, host)
        except (OSError, TypeError, ValueError):
            continue
        return _hosts.has_address(packed)
    return False
