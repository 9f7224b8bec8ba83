"""MySQL Connector/Python, its pure Python protocol; a query that takes its time at the server."""

from contextlib import contextmanager

import mysql.connector

from compat_matrix.scenarios._pool import Pool


@contextmanager
def opened(server):
    def connect():
        return mysql.connector.connect(
            host=server.host, port=server.port, use_pure=True, ssl_disabled=True, **server.extra
        )

    with Pool(connect) as pool:
        yield pool, server.latency


def call(client, number):
    pool, latency = client
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s + SLEEP(%s)", (number, latency))
        return int(cursor.fetchone()[0])
