"""_multiprocessing: the semaphore that the locks, conditions and events of processes stand on."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="_multiprocessing",
    replace={
        "SemLock": Patch(
            "greenbridge.green._semlock:SemLock",
            "a subclass: green code asks for it again and again, at most 20 ms apart",
            part="multiprocessing",
            platforms=("!win32",),
        ),
    },
    keep={
        "sem_unlink": Keep("does not wait", platforms=("!win32",)),
    },
    lazy=True,
)
