"""httpx, its synchronous client."""

from contextlib import contextmanager

import httpx


@contextmanager
def opened(server):
    with httpx.Client(base_url=f"http://{server.host}:{server.port}", timeout=10) as client:
        yield client


def call(client, number):
    return int(client.get(f"/{number}").raise_for_status().text)
