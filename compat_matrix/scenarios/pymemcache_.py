"""pymemcache: a pooled client, set and get."""

from contextlib import contextmanager

from pymemcache.client.base import PooledClient


@contextmanager
def opened(server):
    client = PooledClient((server.host, server.port), max_pool_size=50, timeout=10)
    try:
        yield client
    finally:
        client.close()


def call(client, number):
    client.set(f"greenbridge-{number}", str(number), noreply=False)
    return int(client.get(f"greenbridge-{number}"))
