"""Libraries outside the stdlib: what is done to each when it is imported, or is already."""

from greenbridge._patching import Library, Patch

from .drivers import DRIVERS

LIBRARIES: tuple[Library, ...] = (
    Library(
        "anyio",
        "anyio.from_thread",
        "`run` and `run_sync` await in green threads, too",
        {
            "run": Patch("greenbridge.green.from_thread:run"),
            "run_sync": Patch("greenbridge.green.from_thread:run_sync"),
        },
        default=False,
    ),
    Library(
        "fastapi",
        "fastapi.concurrency",
        "`def` dependencies with `yield` end in green threads; together with starlette",
        {"anyio": Patch("greenbridge.green.threadpool:anyio")},
        default=False,
    ),
    Library(
        "starlette",
        "starlette.concurrency",
        "`def` endpoints and background tasks run in green threads, not in 40 real ones",
        {"anyio": Patch("greenbridge.green.threadpool:anyio")},
        default=False,
    ),
    Library(
        name="awaitlet",
        module="awaitlet",
        note="`awaitlet()` awaits in green code, without `async_def()`",
        replace={
            "awaitlet": Patch(
                "greenbridge._drivers.awaitlet:awaitlet", also=("awaitlet.base:awaitlet",)
            ),
        },
    ),
    Library(
        name="greenback",
        module="greenback",
        note="`await_()` awaits in green code, without a portal",
        replace={
            "await_": Patch(
                "greenbridge._drivers.greenback:await_",
                also=("greenback._impl:await_", "greenback._util:await_"),
            ),
            "bestow_portal": Patch(
                "greenbridge._drivers.greenback:bestow_portal",
                also=("greenback._impl:bestow_portal",),
            ),
            "ensure_portal": Patch(
                "greenbridge._drivers.greenback:ensure_portal",
                also=("greenback._impl:ensure_portal",),
            ),
            "has_portal": Patch(
                "greenbridge._drivers.greenback:has_portal", also=("greenback._impl:has_portal",)
            ),
        },
    ),
    Library(
        name="ipykernel",
        module="ipykernel.ipkernel",
        note="sync code in a notebook's cells can wait; `nest()` does it",
        replace={
            "IPythonKernel.do_execute": Patch("greenbridge.green.ipykernel:do_execute"),
        },
        default=False,
    ),
    Library(
        name="sqlalchemy",
        module="sqlalchemy.util.concurrency",
        note="drivers of asyncio run under a plain `Session` in green code; no MissingGreenlet",
        replace={
            "await_": Patch("greenbridge._drivers.sqlalchemy:await_only", add=True),
            "await_fallback": Patch(
                "greenbridge._drivers.sqlalchemy:await_fallback",
                also=("sqlalchemy.util._concurrency_py3k:await_fallback",),
                add=True,
            ),
            "await_only": Patch("greenbridge._drivers.sqlalchemy:await_only"),
            "in_greenlet": Patch("greenbridge._drivers.sqlalchemy:in_greenlet"),
        },
    ),
    Library(
        name="trio",
        module="trio._core._entry_queue",
        note="`trio.run` works in green threads: the one lock that trio demands real is real",
        replace={
            "EntryQueue.task": Patch(
                "greenbridge._drivers.trio:task", "its lock is the original RLock"
            ),
            "WakeupSocketpair.wakeup_on_signals": Patch(
                "greenbridge._drivers.trio:wakeup_on_signals", "in a green thread: nothing"
            ),
        },
    ),
    Library(
        "uvloop",
        "uvloop",
        "its loops wait in C: in a green thread it gives one of asyncio's",
        {
            "Loop.__new__": Patch(
                "greenbridge.green.uvloop:new_loop", "in a green thread a loop of asyncio's"
            ),
            "Loop.run_forever": Patch(
                "greenbridge.green.uvloop:loop_run_forever",
                "in a green thread it runs in an OS thread of its own",
            ),
            "Loop.run_until_complete": Patch(
                "greenbridge.green.uvloop:loop_run_until_complete",
                "in a green thread it runs in an OS thread of its own",
            ),
            "run": Patch(
                "greenbridge.green.uvloop:run",
                "in a green thread, and beside green threads: asyncio.run",
            ),
        },
        part="asyncio",
    ),
    *DRIVERS,
)
