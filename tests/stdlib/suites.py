"""Which of CPython's suites are run, on which Pythons, and with what limits.

A row is one module of the installed ``test`` package. ``limit`` is the time in
seconds after which a suite that is still running is stopped; it is about six
times what the suite takes alone on two cores, so it only ends what hangs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .versions import Python, matches

__all__ = ("GROUPS", "SUITES", "Suite", "chosen")


@dataclass(frozen=True, slots=True)
class Suite:
    """One test module of CPython."""

    name: str
    group: str
    #: Which Pythons have it, as ``versions.matches`` reads it.
    pythons: str = "*"
    #: What ``regrtest -u`` allows it; names that a Python does not know are left out.
    resources: tuple[str, ...] = ("cpu", "walltime")
    #: Seconds for the whole suite.
    limit: float = 120.0
    #: Whether its main thread waits for sockets, so that a run without a green wait is a mistake.
    waits: bool = True


GROUPS: Final = {
    "foundation": "sockets, TLS, selecting, and the clients and servers built on them",
}

#: For a suite that asks for the network, but (mostly) stays on loopback.
_LOOPBACK: Final = ("cpu", "walltime", "network")

SUITES: Final = (
    Suite("test_socket", "foundation", limit=300.0),
    Suite("test_ssl", "foundation", limit=300.0),
    Suite("test_select", "foundation"),
    Suite("test_selectors", "foundation", limit=180.0),
    Suite("test_poll", "foundation"),
    Suite("test_epoll", "foundation"),
    Suite("test_timeout", "foundation", resources=_LOOPBACK),
    Suite("test_httplib", "foundation"),
    Suite("test_ftplib", "foundation", limit=180.0),
    Suite("test_poplib", "foundation"),
    Suite("test_imaplib", "foundation", limit=400.0),
    Suite("test_smtplib", "foundation"),
    Suite("test_urllib", "foundation", waits=False),
    Suite("test_urllib2", "foundation", waits=False),
    Suite("test_urllib2_localnet", "foundation"),
    Suite("test_xmlrpc", "foundation", limit=200.0),
    Suite("test_socketserver", "foundation", resources=_LOOPBACK),
    Suite("test_httpservers", "foundation"),
    Suite("test_wsgiref", "foundation"),
    Suite("test_asyncore", "foundation", pythons="<3.12"),
    Suite("test_context", "foundation", waits=False),
    Suite("test_time", "foundation"),
    Suite("test_sched", "foundation"),
)


def chosen(python: Python, only: frozenset[str] = frozenset()) -> list[Suite]:
    """The suites that this Python has, or those of them that ``only`` names (suites or groups).

    Raises:
        LookupError: a name in ``only`` is neither a suite nor a group.
    """
    known = GROUPS.keys() | {suite.name for suite in SUITES}
    if unknown := sorted(only - known):
        raise LookupError(
            f"no suite or group is called {', '.join(unknown)}; "
            f"there are {', '.join(sorted(known))}"
        )
    return [
        suite
        for suite in SUITES
        if matches(suite.pythons, python) and (not only or {suite.name, suite.group} & only)
    ]
