"""requests, with a session's pool of connections."""

from contextlib import contextmanager

import requests


@contextmanager
def opened(server):
    with requests.Session() as session:
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=50)
        session.mount("http://", adapter)
        session.base = f"http://{server.host}:{server.port}"
        yield session


def call(session, number):
    answer = session.get(f"{session.base}/{number}", timeout=10)
    answer.raise_for_status()
    return int(answer.text)
