"""The tutorial's code, step by step; pytest runs it against a server that takes 0.1 s to answer."""

from __future__ import annotations

import asyncio
import time

# --8<-- [start:blocking]
from urllib.request import urlopen

import greenbridge


def fetch(url: str) -> str:
    """Plain blocking code: it knows nothing of asyncio."""
    with urlopen(url) as answer:
        text: str = answer.read().decode()
        return text


# --8<-- [end:blocking]


# --8<-- [start:spawn]
def fetch_all(urls: list[str]) -> list[str]:
    threads = [greenbridge.spawn(fetch, url) for url in urls]
    return [thread.get() for thread in threads]


# --8<-- [end:spawn]


# --8<-- [start:app]
async def app(urls: list[str]) -> tuple[list[str], int]:
    ticks = 0

    async def heartbeat() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    beating = asyncio.create_task(heartbeat())
    texts = await greenbridge.run_sync(fetch_all, urls)
    beating.cancel()
    return texts, ticks


# --8<-- [end:app]


# --8<-- [start:await]
async def greeting(name: str) -> str:
    await asyncio.sleep(0.01)
    return f"hello {name}"


def legacy() -> str:
    return greenbridge.await_(greeting("world"))


# --8<-- [end:await]


# --8<-- [start:timeout]
def first_word(url: str) -> str:
    try:
        with greenbridge.fail_after(0.02):
            text = fetch(url)
    except TimeoutError:
        return "too slow"
    return text.split()[0]


# --8<-- [end:timeout]


def test_one_after_another(url: str) -> None:
    began = time.monotonic()
    assert [fetch(f"{url}/{n}") for n in range(3)] == [f"you asked for /{n}" for n in range(3)]
    assert time.monotonic() - began > 0.3


def test_at_once(url: str) -> None:
    urls = [f"{url}/{n}" for n in range(20)]
    began = time.monotonic()
    # --8<-- [start:run]
    with greenbridge.patch_all():
        texts = greenbridge.run(fetch_all, urls)
    # --8<-- [end:run]
    assert texts == [f"you asked for /{n}" for n in range(20)]
    assert time.monotonic() - began < 1.5  # one after another: more than 2 seconds


def test_in_an_asyncio_app(url: str) -> None:
    with greenbridge.patch_all():
        # --8<-- [start:run-app]
        texts, ticks = greenbridge.run(app, [f"{url}/{n}" for n in range(20)])
        # --8<-- [end:run-app]
    assert len(texts) == 20
    assert ticks >= 3  # the loop went on while 20 blocking calls waited


def test_await_from_a_def() -> None:
    assert greenbridge.run(legacy) == "hello world"


def test_timeout(url: str) -> None:
    with greenbridge.patch_all():
        assert greenbridge.run(first_word, url) == "too slow"
