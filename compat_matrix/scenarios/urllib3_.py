"""urllib3, one pool manager for all."""

from contextlib import contextmanager

import urllib3


@contextmanager
def opened(server):
    with urllib3.PoolManager(maxsize=50) as pool:
        yield pool, f"http://{server.host}:{server.port}"


def call(client, number):
    pool, base = client
    answer = pool.request("GET", f"{base}/stream/{number}", timeout=10.0)
    assert answer.status == 200
    return int(answer.data)
