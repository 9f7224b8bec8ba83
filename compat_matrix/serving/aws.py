"""AWS as moto plays it; every answer comes at once.

python -m compat_matrix.serving.aws
"""

from __future__ import annotations

import logging

from moto.server import ThreadedMotoServer

from ._ending import announce, end_with_stdin


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    announce(port=server.get_host_and_port()[1])
    server._thread.join()


if __name__ == "__main__":
    main()
