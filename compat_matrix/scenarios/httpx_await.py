"""httpx's AsyncClient, which waits by anyio, used from plain functions through await_()."""

from contextlib import contextmanager

import httpx

from greenbridge import await_, entered


@contextmanager
def opened(server):
    limits = httpx.Limits(max_connections=100)
    base = f"http://{server.host}:{server.port}"
    with entered(httpx.AsyncClient(base_url=base, limits=limits, timeout=10)) as client:
        yield client


def call(client, number):
    answer = await_(client.get(f"/{number}"))
    return int(answer.raise_for_status().text)
