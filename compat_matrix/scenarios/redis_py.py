"""redis-py: one client with its pool; BLPOP on a list that nobody fills waits at the server."""

from contextlib import contextmanager

import redis


@contextmanager
def opened(server):
    with redis.Redis(server.host, server.port, decode_responses=True) as client:
        client.latency = server.latency
        yield client


def call(client, number):
    key = f"greenbridge:{number}"
    client.set(key, number, ex=60)
    assert client.blpop([f"{key}:empty"], timeout=client.latency) is None
    return int(client.get(key))
