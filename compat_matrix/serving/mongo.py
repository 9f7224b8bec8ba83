"""A server of MongoDB's protocol that keeps its documents in memory, by NX-27017.

python -m compat_matrix.serving.mongo
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from nx_27017.nx_27017 import main as nx_27017

from ._ending import announce_when_it_answers, end_with_stdin, free_port


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    port = free_port()
    announce_when_it_answers(port)
    with tempfile.TemporaryDirectory() as folder:
        files = ["--log-file", str(Path(folder, "log")), "--pid-file", str(Path(folder, "pid"))]
        sys.argv = ["nx_27017", "--db", "memory", "-p", str(port), *files]
        sys.stdout = sys.stderr  # what it prints is not where it listens
        nx_27017()


if __name__ == "__main__":
    main()
