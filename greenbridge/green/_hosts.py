"""Which names the C library can answer from ``/etc/hosts``, without asking anybody.

Nothing here answers a name. It only says that libc will find it in the local file
and stop there, so that libc itself may be called on the loop's thread. Every doubt is
a "no": another libc, nscd, a source before ``files``, an action after it.

``nsswitch.conf(5)``, ``hosts(5)``; glibc's ``nss/nss_files/files-hosts.c``.
"""

from __future__ import annotations

import _socket
import os
from typing import Final

from .._originals import monotonic

_HOSTS: Final = "/etc/hosts"
_NSSWITCH: Final = "/etc/nsswitch.conf"
#: glibc asks this daemon first, which may ask the network.
_NSCD: Final = "/var/run/nscd/socket"

#: Seconds between two looks at the files' dates. A guess: below what anybody notices.
_EVERY_S: Final = 1.0

_Stamp = tuple[int, int, int]


def _is_glibc() -> bool:
    try:
        return "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, ValueError, OSError):
        return False


def _stamp(path: str) -> _Stamp | None:
    """What changes when the file does; None if there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def files_first(text: str) -> bool:
    """Whether this nsswitch.conf has the ``hosts`` line begin with ``files``, and no action."""
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    hosts = [words[1:] for words in lines if words and words[0] == "hosts:"]
    if len(hosts) != 1 or hosts[0][:1] != ["files"]:
        return False
    return len(hosts[0]) == 1 or not hosts[0][1].startswith("[")


def parse(text: str) -> tuple[dict[str, set[int]], set[bytes]]:
    """From a hosts file: each name in lower case with its families, and the packed addresses."""
    names: dict[str, set[int]] = {}
    addresses: set[bytes] = set()
    for line in text.splitlines():
        address, *found = line.partition("#")[0].split() or [""]
        for family in (_socket.AF_INET, _socket.AF_INET6):
            try:
                packed = _socket.inet_pton(family, address)
            except (OSError, ValueError):
                continue
            if found:
                addresses.add(packed)
            for name in found:
                names.setdefault(name.lower(), set()).add(family)
    return names, addresses


class LocalHosts:
    """The parsed files, read again when they change; *every* so many seconds that is checked.

    An answer that is out of date moves a look-up to the wrong thread, and changes no result.
    """

    def __init__(
        self,
        hosts: str = _HOSTS,
        nsswitch: str = _NSSWITCH,
        nscd: str = _NSCD,
        every: float = _EVERY_S,
    ) -> None:
        self._every = every
        self._next_check = 0.0
        self._hosts = hosts
        self._nsswitch = nsswitch
        self._nscd = nscd
        self._glibc = _is_glibc()
        self._stamps: tuple[_Stamp | None, _Stamp | None] = (None, None)
        self._names: dict[str, set[int]] = {}
        self._addresses: set[bytes] = set()

    def has_name(self, name: str, family: int) -> bool:
        """Whether libc finds *name* in the file for this family (0: any)."""
        families = self._read()._names.get(name.lower(), ())
        return bool(families) if family == 0 else family in families

    def has_address(self, packed: bytes) -> bool:
        """Whether libc finds a name for this packed address in the file."""
        return packed in self._read()._addresses

    def _read(self) -> LocalHosts:
        now = monotonic()
        if now < self._next_check or not self._glibc:
            return self
        self._next_check = now + self._every
        stamps = (_stamp(self._hosts), _stamp(self._nsswitch))
        if stamps != self._stamps:
            self._names, self._addresses = {}, set()
            try:
                with open(self._nsswitch, encoding="utf-8") as file:
                    local = files_first(file.read())
                if local:
                    with open(self._hosts, encoding="utf-8") as file:
                        self._names, self._addresses = parse(file.read())
            except (OSError, ValueError):
                pass  # no such file, or not text: nothing is sure
            self._stamps = stamps
        if self._names and os.path.exists(self._nscd):
            self._names, self._addresses = {}, set()
            self._stamps = (None, None)
        return self
