"""aiohttp: a session of asyncio's, used from plain functions."""

from contextlib import contextmanager

import aiohttp

from greenbridge import await_, entered


async def session_for(base):
    return aiohttp.ClientSession(base)  # where a loop runs, as aiohttp demands


@contextmanager
def opened(server):
    with entered(await_(session_for(f"http://{server.host}:{server.port}"))) as session:
        yield session


def call(session, number):
    with entered(session.get(f"/{number}")) as answer:
        return int(await_(answer.text()))
