"""ldap3: search for an entry, on a connection of its own."""

from contextlib import contextmanager

import ldap3

from compat_matrix.scenarios._pool import Pool


class Connection(ldap3.Connection):
    close = ldap3.Connection.unbind


@contextmanager
def opened(server):
    where = ldap3.Server(server.host, server.port, get_info=ldap3.NONE, connect_timeout=10)

    def connect():
        return Connection(where, "uid=0,dc=test", "secret", auto_bind=True, receive_timeout=10)

    with Pool(connect) as pool:
        yield pool


def call(pool, number):
    with pool.connection() as connection:
        entry = f"uid={number},dc=test"
        assert connection.search(entry, "(objectClass=*)", ldap3.BASE, attributes=["uid"])
        return int(connection.entries[0].uid.value)
