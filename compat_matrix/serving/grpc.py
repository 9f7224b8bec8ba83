"""A gRPC server with one method, which sends the bytes back after a while, by grpc.aio.

    python -m compat_matrix.serving.grpc LATENCY

The method is ``/test.Echo/Call``, of bytes, without a schema.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc

from ._ending import announce, end_with_stdin


async def _serve(latency: float) -> None:
    async def echo(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(latency)
        return request

    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(echo)
    handlers = grpc.method_handlers_generic_handler("test.Echo", {"Call": method})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    announce(port=port)
    await server.wait_for_termination()


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    asyncio.run(_serve(float(sys.argv[1])))


if __name__ == "__main__":
    main()
