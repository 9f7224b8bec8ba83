"""Locust's client, a session of requests that reports each call; without gevent's patches."""

import os
from contextlib import contextmanager

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # locust patches with gevent when it is imported

from locust.clients import HttpSession
from locust.event import EventHook
from urllib3 import PoolManager

heard = {}
requests = EventHook()
requests.add_listener(lambda name, response, **_: heard.update({name: int(response.text)}))


@contextmanager
def opened(server):
    base = f"http://{server.host}:{server.port}"
    with HttpSession(base, requests, None, pool_manager=PoolManager(maxsize=50)) as session:
        yield session


def call(session, number):
    session.get(f"/{number}", timeout=10).raise_for_status()
    return heard[f"/{number}"]
