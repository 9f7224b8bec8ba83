"""peewee over PyMySQL, with its own pool and its state per thread."""

from contextlib import contextmanager

from playhouse.pool import PooledMySQLDatabase


@contextmanager
def opened(server):
    database = PooledMySQLDatabase(
        server.extra["database"],
        max_connections=60,
        host=server.host,
        port=server.port,
        user=server.extra["user"],
        ssl_disabled=True,
    )
    connections = [database.connect() for _ in range(1)]
    assert connections == [True]
    database.close()
    yield database, server.latency
    database.close_all()


def call(client, number):
    database, latency = client
    with database.connection_context():
        cursor = database.execute_sql("SELECT %s + SLEEP(%s)", (number, latency))
        return int(cursor.fetchone()[0])
