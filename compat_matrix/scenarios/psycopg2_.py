"""psycopg2: a query that takes its time at the server, on a connection of its own."""

from contextlib import contextmanager

import psycopg2

from compat_matrix.scenarios._pool import Pool


@contextmanager
def opened(server):
    def connect():
        user, database = server.extra["user"], server.extra["database"]
        return psycopg2.connect(host=server.host, port=server.port, user=user, dbname=database)

    with Pool(connect) as pool:
        yield pool, server.latency


def call(client, number):
    pool, latency = client
    with pool.connection() as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s FROM pg_sleep(%s)", (number, latency))
        return cursor.fetchone()[0]
