"""HTTP and HTTPS that answer ``/N`` with ``N`` after a while, by uvicorn.

    python -m compat_matrix.serving.http LATENCY

``/status/N`` has that status, ``/stream/N`` comes in pieces, a POST is answered with its body.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from typing import Any

import trustme
import uvicorn

from ._ending import announce, end_with_stdin


def application(latency: float) -> Any:
    """The ASGI application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await asyncio.sleep(latency)
        kind, _, number = scope["path"].strip("/").rpartition("/")
        status = int(number) if kind == "status" else 200
        answer = body if scope["method"] == "POST" else number.encode()
        headers = [(b"content-type", b"text/plain")]
        if kind != "stream":
            headers.append((b"content-length", str(len(answer)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if kind == "stream":
            for piece in answer:
                await send(
                    {"type": "http.response.body", "body": bytes([piece]), "more_body": True}
                )
            answer = b""
        await send({"type": "http.response.body", "body": answer})

    return app


async def _serve(latency: float) -> None:
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder:
        certificate = f"{folder}/certificate.pem"
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            certificate
        )
        servers, ports = [], []
        for options in ({}, {"ssl_certfile": certificate}):
            listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
            ports.append(listener.getsockname()[1])
            config = uvicorn.Config(
                application(latency), log_level="warning", lifespan="off", **options
            )
            servers.append(uvicorn.Server(config).serve(sockets=[listener]))
        announce(port=ports[0], https=ports[1], ca=authority.cert_pem.bytes().decode())
        await asyncio.gather(*servers)


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    asyncio.run(_serve(float(sys.argv[1])))


if __name__ == "__main__":
    main()
