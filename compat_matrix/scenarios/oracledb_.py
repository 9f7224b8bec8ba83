"""oracledb, thin: a query that takes its time at the server, on a connection of its own."""

from contextlib import contextmanager

import oracledb

from compat_matrix.scenarios._pool import Pool


@contextmanager
def opened(server):
    with Pool(lambda: oracledb.connect(host=server.host, port=server.port, **server.extra)) as pool:
        yield pool, server.latency


def call(client, number):
    pool, latency = client
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.callproc("dbms_session.sleep", [latency])
        cursor.execute("SELECT :1 FROM dual", [number])
        return cursor.fetchone()[0]
