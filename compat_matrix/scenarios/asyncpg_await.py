"""asyncpg: its pool, used from plain functions."""

from contextlib import contextmanager

import asyncpg

from greenbridge import await_, entered


@contextmanager
def opened(server):
    pool = asyncpg.create_pool(
        host=server.host,
        port=server.port,
        user=server.extra["user"],
        database=server.extra["database"],
        min_size=50,
        max_size=50,
    )
    with entered(pool):
        yield pool, server.latency


def call(client, number):
    pool, latency = client
    return await_(pool.fetchval("SELECT $1::int FROM pg_sleep($2)", number, latency))
