"""An FTP server whose file ``N`` contains ``N``, by pyftpdlib.

python -m compat_matrix.serving.ftp
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from ._ending import announce, end_with_stdin

#: Files that can be asked for.
_FILES = 1000


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    logging.getLogger("pyftpdlib").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_FILES):
            Path(folder, str(number)).write_text(str(number), encoding="ascii")
        authorizer = DummyAuthorizer()
        authorizer.add_anonymous(folder)
        FTPHandler.authorizer = authorizer
        server = FTPServer(("127.0.0.1", 0), FTPHandler)
        server.max_cons_per_ip = server.max_cons = 1000
        announce(port=server.address[1])
        server.serve_forever()


if __name__ == "__main__":
    main()
