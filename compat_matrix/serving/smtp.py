"""An SMTP server that keeps nothing and answers DATA with its subject, by aiosmtpd.

python -m compat_matrix.serving.smtp
"""

from __future__ import annotations

import asyncio
import email
from typing import Any

from aiosmtpd.smtp import SMTP

from ._ending import announce, end_with_stdin


class _Handler:
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        return f"250 {email.message_from_bytes(envelope.content)['subject']}"


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(_Handler()), "127.0.0.1", 0, backlog=1000)
    announce(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    asyncio.run(_serve())


if __name__ == "__main__":
    main()
