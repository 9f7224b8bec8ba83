"""pg8000: a query that takes its time at the server, on a connection of its own."""

from contextlib import contextmanager

import pg8000.native

from compat_matrix.scenarios._pool import Pool

QUERY = "SELECT CAST(:number AS int) FROM pg_sleep(CAST(:seconds AS float))"


@contextmanager
def opened(server):
    def connect():
        return pg8000.native.Connection(
            server.extra["user"],
            host=server.host,
            port=server.port,
            database=server.extra["database"],
        )

    with Pool(connect) as pool:
        yield pool, server.latency


def call(client, number):
    pool, latency = client
    with pool.connection() as connection:
        return connection.run(QUERY, number=number, seconds=latency)[0][0]
