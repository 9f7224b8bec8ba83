"""concurrent.futures.thread: the executors that a program makes run their jobs in green threads."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="concurrent.futures.thread",
    replace={
        "ThreadPoolExecutor": Patch(
            "greenbridge.green.futures:ThreadPoolExecutor",
            "a subclass whose threads are green; that of an event loop stays the original",
            also=("concurrent.futures:ThreadPoolExecutor",),
        ),
        "_global_shutdown_lock": Patch(
            "greenbridge.green.futures:global_shutdown_lock",
            "held while a thread starts, which may park",
        ),
    },
    keep={
        "BrokenThreadPool": Keep("an exception"),
        "WorkerContext": Keep("runs a job in the thread that calls it", since=(3, 14)),
    },
    after=("threading", "queue"),
)
