"""What the tests of the main program's loop share."""

from __future__ import annotations

import asyncio

from greenbridge import sleep, spawn

from .green import SHORT


async def running_loop() -> asyncio.AbstractEventLoop:
    await asyncio.sleep(SHORT)
    return asyncio.get_running_loop()


class Ticker:
    """A green thread that counts until it is stopped: what has to go on beside everything."""

    def __init__(self) -> None:
        self.ticks = 0
        self.stopped = False
        self.thread = spawn(self._run)

    def _run(self) -> None:
        while not self.stopped:
            sleep(SHORT / 10)
            self.ticks += 1

    def stop(self) -> None:
        self.stopped = True
        self.thread.join()
