"""SQLAlchemy's asyncio engine over asyncpg, used from plain functions."""

from contextlib import contextmanager

import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from greenbridge import await_, entered


async def warm(engine):
    connections = [await engine.connect() for _ in range(50)]
    for connection in connections:
        await connection.close()


@contextmanager
def opened(server):
    user, database = server.extra["user"], server.extra["database"]
    address = f"postgresql+asyncpg://{user}@{server.host}:{server.port}/{database}"
    engine = create_async_engine(address, pool_size=50)
    await_(warm(engine))
    yield engine, server.latency
    await_(engine.dispose())


def call(client, number):
    engine, latency = client
    query = sqlalchemy.text("SELECT CAST(:number AS int) FROM pg_sleep(:seconds)")
    with entered(engine.connect()) as connection:
        result = await_(connection.execute(query, {"number": number, "seconds": latency}))
        return result.scalar_one()
