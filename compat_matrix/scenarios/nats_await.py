"""nats-py: one client of asyncio's, used from plain functions; a request and its answer."""

from contextlib import contextmanager

import nats

from greenbridge import await_


@contextmanager
def opened(server):
    client = await_(nats.connect(f"nats://{server.host}:{server.port}"))

    async def answer(message):
        await message.respond(message.data)

    await_(client.subscribe("greenbridge.echo", cb=answer))
    try:
        yield client
    finally:
        await_(client.close())


def call(client, number):
    answer = await_(client.request("greenbridge.echo", str(number).encode(), timeout=10))
    return int(answer.data)
