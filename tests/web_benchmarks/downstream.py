"""The slow service that is asked: answers each request after a while, at little cost.

python -m tests.web_benchmarks.downstream PORT LATENCY
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Service(asyncio.Protocol):
    """One connection; a request is whatever ends with an empty line.

    Args:
        latency: seconds before it answers.
    """

    def __init__(self, latency: float) -> None:
        self.latency = latency

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(data.count(b"\r\n\r\n")):
            loop.call_later(self.latency, self.answer)

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_ANSWER)


async def main(port: int, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Service(latency), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
