"""A notebook-style script: cells that call asyncio.run() while the loop runs, by nest()."""

import asyncio
from contextlib import contextmanager

import aiohttp

import greenbridge
from greenbridge import await_


@contextmanager
def opened(server):
    greenbridge.nest()
    yield f"http://{server.host}:{server.port}"


async def fetch(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return int(await answer.text())


async def cell(url):
    return asyncio.run(fetch(url))  # RuntimeError without nest(): this loop is running


def call(base, number):
    return await_(cell(f"{base}/{number}"))
