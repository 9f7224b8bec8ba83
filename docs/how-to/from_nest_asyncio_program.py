"""Sync code that runs coroutines, inside a loop that runs; run by tests/test_docs.py."""

# --8<-- [start:apply]
import asyncio

import greenbridge

greenbridge.nest()  # was: nest_asyncio.apply()
# --8<-- [end:apply]


async def fetch(n: int) -> int:
    await asyncio.sleep(0.01)
    return n


# --8<-- [start:library]
def lookup(n: int) -> int:
    """A library's function: it wants to be called from sync code, and uses asyncio inside."""
    return asyncio.run(fetch(n))


async def main() -> list[int]:
    async def request(n: int) -> int:
        return lookup(n)  # waits for fetch(n), and only this Task does

    return await asyncio.gather(*(request(n) for n in range(50)))


# --8<-- [end:library]


def old_style(n: int) -> int:
    # --8<-- [start:loop]
    loop = asyncio.get_event_loop()
    return loop.run_until_complete(fetch(n))
    # --8<-- [end:loop]


async def limited() -> bool:
    # --8<-- [start:limit]
    with greenbridge.move_on_after(0.05) as scope:
        asyncio.run(asyncio.sleep(3600))  # cancelled after 0.05 seconds
    return scope.cancelled_caught
    # --8<-- [end:limit]


async def one_call() -> int:
    # --8<-- [start:one]
    greenbridge.unnest()
    with greenbridge.nest():
        return await greenbridge.run_sync(lookup, 1)
    # --8<-- [end:one]


async def uses_the_loop() -> int:
    return old_style(2)


if __name__ == "__main__":
    assert asyncio.run(main()) == list(range(50))
    assert asyncio.run(uses_the_loop()) == 2
    assert asyncio.run(limited())
    assert asyncio.run(one_call()) == 1
