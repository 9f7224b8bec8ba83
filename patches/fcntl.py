"""fcntl: waiting for a lock on a file."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="fcntl",
    replace={
        "fcntl": Patch(
            "greenbridge.green.fcntl:fcntl", "F_SETLKW parks, and asks for the lock again and again"
        ),
        "flock": Patch(
            "greenbridge.green.fcntl:flock", "parks, and asks for the lock again and again"
        ),
        "lockf": Patch("greenbridge.green.fcntl:lockf", "as flock"),
    },
    keep={
        "ioctl": Keep("a command to a device; give one that waits to offload()"),
    },
)
