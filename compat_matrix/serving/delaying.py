"""A TCP proxy that delivers what the server says after a while.

    python -m compat_matrix.serving.delaying HOST PORT LATENCY

For servers that answer at once: with it a client has something to wait for. LATENCY is in
seconds; each piece of data from the server is late by it, and keeps its order.
"""

from __future__ import annotations

import asyncio
import sys

from ._ending import announce, end_with_stdin

_CHUNK_BYTES = 65536


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def _forward_late(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency: float
) -> None:
    loop = asyncio.get_running_loop()
    pending: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                pending.put_nowait((loop.time() + latency, data))
        finally:
            pending.put_nowait((loop.time() + latency, b""))

    reading = asyncio.ensure_future(read())
    try:
        while True:
            due, data = await pending.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the client has gone, and says so itself
    finally:
        reading.cancel()
        writer.close()


async def _serve(host: str, port: int, latency: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_forward(reader, back), _forward_late(there, writer, latency))
        finally:
            back.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1000)
    announce(port=server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))


if __name__ == "__main__":
    main()
