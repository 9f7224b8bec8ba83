"""psycopg 3, with its C implementation; a query that takes its time at the server."""

from contextlib import contextmanager

import psycopg

from compat_matrix.scenarios._pool import Pool


@contextmanager
def opened(server):
    user, database = server.extra["user"], server.extra["database"]
    address = f"host={server.host} port={server.port} user={user} dbname={database}"
    with Pool(lambda: psycopg.connect(address, autocommit=True)) as pool:
        yield pool, server.latency


def call(client, number):
    pool, latency = client
    with pool.connection() as connection:
        query = "SELECT %s::int FROM pg_sleep(%s)"
        return connection.execute(query, (number, latency)).fetchone()[0]
