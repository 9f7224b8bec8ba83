"""An SSH server whose commands print their argument after a while, by asyncssh.

    python -m compat_matrix.serving.ssh LATENCY

The user is ``test``, the password ``test``; every command ends with its last word as output.
"""

from __future__ import annotations

import asyncio
import sys

import asyncssh

from ._ending import announce, end_with_stdin


class _Server(asyncssh.SSHServer):  # type: ignore[misc]  # untyped where asyncssh is absent
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("test", "test")


async def _serve(latency: float) -> None:
    async def run(process: asyncssh.SSHServerProcess) -> None:
        await asyncio.sleep(latency)
        process.stdout.write((process.command or "").split()[-1])
        process.exit(0)

    server = await asyncssh.create_server(
        _Server,
        "127.0.0.1",
        0,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=run,
        backlog=1000,
    )
    announce(port=server.sockets[0].getsockname()[1], user="test", password="test")
    await server.wait_closed()


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    asyncio.run(_serve(float(sys.argv[1])))


if __name__ == "__main__":
    main()
