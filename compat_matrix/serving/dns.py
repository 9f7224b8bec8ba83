"""A DNS server, UDP and TCP, that answers ``nN.test`` with the text ``N`` after a while.

    python -m compat_matrix.serving.dns LATENCY

The messages are dnslib's; the waiting is asyncio's.
"""

from __future__ import annotations

import asyncio
import sys

from dnslib import RR, TXT, DNSRecord

from ._ending import announce, end_with_stdin


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, latency: float) -> None:
        self._latency = latency

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asking = DNSRecord.parse(data)
        name = str(asking.q.qname)
        answer = asking.reply()
        answer.add_answer(RR(name, rtype=16, rdata=TXT(name.split(".")[0][1:])))
        loop = asyncio.get_running_loop()
        loop.call_later(self._latency, self._transport.sendto, answer.pack(), addr)


async def _serve(latency: float) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Protocol(latency), local_addr=("127.0.0.1", 0)
    )
    announce(port=transport.get_extra_info("sockname")[1])
    await asyncio.Event().wait()


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    asyncio.run(_serve(float(sys.argv[1])))


if __name__ == "__main__":
    main()
