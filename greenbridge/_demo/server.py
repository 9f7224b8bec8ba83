"""The demo's server: answers each HTTP and HTTPS request with its path, after a while.

    python server.py LATENCY CERTIFICATE KEY

LATENCY is in seconds. Listens on free ports of 127.0.0.1 and prints them as one line of
JSON. Ends when its standard input does, so it cannot outlive the demo.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import threading
from typing import Final

#: Connections that may wait to be accepted: the most requests that the demo takes. The system
#: may allow fewer (net.core.somaxconn).
_BACKLOG: Final = 10_000


async def serve(latency: float, certificate: str, key: str) -> None:
    """Listen until the process ends; every answer comes *latency* seconds after its request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            path = request.split(b" ", 2)[1]
            await asyncio.sleep(latency)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%s\n" % (len(path) + 1, path)
            )
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()  # the client has gone; it reports that itself

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    plain = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=_BACKLOG)
    secure = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=_BACKLOG, ssl=context)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
    print(json.dumps({"http": ports[0], "https": ports[1]}), flush=True)
    async with plain, secure:
        await asyncio.Event().wait()


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Start listening; see the top of this file for the arguments."""
    latency, certificate, key = sys.argv[1:]
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    loop.run_until_complete(serve(float(latency), certificate, key))


if __name__ == "__main__":
    main()
