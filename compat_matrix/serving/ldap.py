"""A directory in memory, by ldaptor: ``uid=N,dc=test``, whose password is ``secret``.

python -m compat_matrix.serving.ldap
"""

from __future__ import annotations

import io
from typing import Any

from ldaptor.inmemory import fromLDIFFile
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter

from ._ending import announce, end_with_stdin

#: Entries that can be asked for.
_ENTRIES = 1000


class _Factory(ServerFactory):  # type: ignore[misc]  # untyped where twisted is absent
    protocol = LDAPServer

    def __init__(self, root: Any) -> None:
        self.root = root


def _serve(root: Any) -> None:
    registerAdapter(lambda factory: factory.root, _Factory, IConnectedLDAPEntry)
    listening: Any = reactor.listenTCP(0, _Factory(root), backlog=1000, interface="127.0.0.1")
    announce(port=listening.getHost().port)


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    entries = ["dn: dc=test\ndc: test\nobjectClass: dcObject\n"]
    entries += (
        f"dn: uid={n},dc=test\nuid: {n}\nobjectClass: account\nuserPassword: secret\n"
        for n in range(_ENTRIES)
    )
    fromLDIFFile(io.BytesIO("\n".join([*entries, ""]).encode())).addCallback(_serve)
    reactor.run()


if __name__ == "__main__":
    main()
