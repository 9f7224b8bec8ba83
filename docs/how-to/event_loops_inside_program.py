"""Event loops in green threads, and in the main program; run by tests/test_docs.py."""

# ruff: noqa: I001 - the order of these imports is the point
import greenbridge.auto

import asyncio
import time


async def fetch(n: int) -> int:
    await asyncio.sleep(0.1)
    return n


# --8<-- [start:run]
def legacy(n: int) -> int:
    return asyncio.run(fetch(n))  # in any library, anywhere below


threads = [greenbridge.spawn(legacy, n) for n in range(100)]
results = [thread.get() for thread in threads]
# --8<-- [end:run]
assert results == list(range(100))


# --8<-- [start:main]
ticks = 0


def heartbeat() -> None:
    global ticks
    while True:
        time.sleep(0.01)
        ticks += 1


greenbridge.spawn(heartbeat)  # before the loop ...


async def main() -> int:
    results = await asyncio.gather(*(fetch(n) for n in range(10)))
    time.sleep(0.1)  # parks this Task only
    return sum(results)


asyncio.run(main())  # ... beside it, and after it
# --8<-- [end:main]
assert ticks > 5
before = ticks
time.sleep(0.05)
assert ticks > before
