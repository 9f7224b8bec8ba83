"""An IMAP server that keeps its mail in memory, by pymap. The user is demouser, with demopass.

python -m compat_matrix.serving.imap
"""

from __future__ import annotations

import sys

from pymap.main import main as pymap

from ._ending import announce_when_it_answers, end_with_stdin, free_port


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    port = free_port()
    announce_when_it_answers(port)
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-tls"]
    sys.argv = ["pymap", *options, "dict", "--demo-data"]
    pymap()


if __name__ == "__main__":
    main()
