"""A WebSocket server that sends each message back after a while, by websockets.

python -m compat_matrix.serving.websocket LATENCY
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve

from ._ending import announce, end_with_stdin


async def _serve(latency: float) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await asyncio.sleep(latency)
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, backlog=1000) as server:
        announce(port=next(iter(server.sockets)).getsockname()[1])
        await server.serve_forever()


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    asyncio.run(_serve(float(sys.argv[1])))


if __name__ == "__main__":
    main()
