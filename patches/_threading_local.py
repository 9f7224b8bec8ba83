"""_threading_local: the Python version of threading.local. Goes with the table of threading."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="_threading_local",
    within="threading",
    replace={
        "local": Patch("greenbridge.green.thread:local", "as threading.local"),
    },
    keep={
        "RLock": Keep("threading.RLock, see there"),
        "contextmanager": Keep("an import of the module"),
        "current_thread": Keep("threading.current_thread, see there"),
        "ref": Keep("an import of the module"),
    },
)
