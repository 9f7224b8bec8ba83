"""One module per stdlib module, each a declarative ``TABLE``. Importing one patches nothing.

The folder stands at the top of the repository and is installed as
``greenbridge.patches``; ``greenbridge/patches`` is a symlink to it.

``NAMES`` lists the modules of this folder, so that finding the tables needs no look
at the file system; a test compares the two.
"""

from typing import Final

if __name__ != "greenbridge.patches":
    raise ImportError(
        f"this package is installed as 'greenbridge.patches', but was imported as {__name__!r}. "
        "Two copies of the patch tables would disagree about what is patched: "
        "write 'import greenbridge.patches' instead."
    )

NAMES: Final = (
    "_multiprocessing",
    "_thread",
    "_threading_local",
    "asyncio_base_events",
    "asyncio_events",
    "asyncio_runners",
    "builtins",
    "concurrent_futures_thread",
    "fcntl",
    "multiprocessing_connection",
    "multiprocessing_popen_forkserver",
    "multiprocessing_popen_spawn_posix",
    "os",
    "queue",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "threading",
    "time",
)
