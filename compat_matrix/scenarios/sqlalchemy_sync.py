"""SQLAlchemy over PyMySQL, with its pool."""

from contextlib import contextmanager

import sqlalchemy


@contextmanager
def opened(server):
    address = f"mysql+pymysql://root@{server.host}:{server.port}/test"
    engine = sqlalchemy.create_engine(
        address, pool_size=50, connect_args={"ssl_disabled": True}, pool_timeout=10
    )
    yield engine, server.latency
    engine.dispose()


def call(client, number):
    engine, latency = client
    query = sqlalchemy.text("SELECT :number + SLEEP(:seconds)")
    with engine.connect() as connection:
        return int(connection.execute(query, {"number": number, "seconds": latency}).scalar_one())
