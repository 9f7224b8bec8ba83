"""Blocking code inside an asyncio application; see asyncio-app.md."""

from __future__ import annotations

import asyncio
import time

# --8<-- [start:run_sync]
import requests

import greenbridge


async def handler(url: str) -> str:
    answer = await greenbridge.run_sync(requests.get, url, timeout=5)
    return answer.text


# --8<-- [end:run_sync]


# --8<-- [start:async_]
@greenbridge.async_
def report(url: str) -> str:
    return requests.get(url, timeout=5).text.upper()


async def page(url: str) -> str:
    return await report(url)


# --8<-- [end:async_]


# --8<-- [start:install]
async def main(url: str) -> list[str]:
    greenbridge.install()  # from now on, each new Task of this loop may call blocking code

    async def task(n: int) -> str:
        return requests.get(f"{url}/{n}", timeout=5).text  # parks this Task only

    return await asyncio.gather(*(task(n) for n in range(20)))


# --8<-- [end:install]


def test_run_sync(url: str) -> None:
    with greenbridge.patch_all():
        assert asyncio.run(handler(url + "/a")) == "you asked for /a"


def test_async(url: str) -> None:
    with greenbridge.patch_all():
        assert asyncio.run(page(url + "/b")) == "YOU ASKED FOR /B"


def test_install(url: str) -> None:
    with greenbridge.patch_all():
        began = time.monotonic()
        assert asyncio.run(main(url)) == [f"you asked for /{n}" for n in range(20)]
        assert time.monotonic() - began < 1.5  # one after another: more than 2 seconds


async def test_cancel_interrupts_the_blocking_call(url: str) -> None:
    with greenbridge.patch_all():
        # --8<-- [start:cancel]
        job = asyncio.create_task(greenbridge.run_sync(time.sleep, 3600))
        await asyncio.sleep(0.01)
        job.cancel()  # ends the sleep as well
        # --8<-- [end:cancel]
        done, _ = await asyncio.wait([job], timeout=5)
    assert job in done
    assert job.cancelled()
