"""trio: each green thread runs a loop of its own, with a thread in it."""

import trio

from compat_matrix.services import LATENCY


async def answer(number):
    with trio.fail_after(10):
        await trio.sleep(LATENCY)
        return await trio.to_thread.run_sync(int, str(number))


def call(server, number):
    return trio.run(answer, number)
