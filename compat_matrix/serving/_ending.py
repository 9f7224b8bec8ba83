"""What every server program here does: say where it listens, and end with its standard input."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from typing import Any, Final

#: What the starter reads; a server may have its own opinion of sys.stdout.
_OUT: Final = sys.stdout


def announce(**where: Any) -> None:
    """Print where the server listens, for the process that started it."""
    print(json.dumps(where), file=_OUT, flush=True)


def end_with_stdin() -> None:
    """Let the process end as soon as its standard input is closed."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, for servers that want a number."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def announce_when_it_answers(port: int) -> None:
    """Announce *port* as soon as this process, which is about to serve, answers there."""

    def wait() -> None:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
            except OSError:
                time.sleep(0.05)
            else:
                return announce(port=port)

    threading.Thread(target=wait, daemon=True).start()
