"""mysqlclient: a query that takes its time at the server, on a connection of its own."""

from contextlib import contextmanager

import MySQLdb

from compat_matrix.scenarios._pool import Pool


@contextmanager
def opened(server):
    def connect():
        return MySQLdb.connect(host=server.host, port=server.port, **server.extra)

    with Pool(connect) as pool:
        yield pool, server.latency


def call(client, number):
    pool, latency = client
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s + SLEEP(%s)", (number, latency))
        return int(cursor.fetchone()[0])
