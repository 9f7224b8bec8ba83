"""Libraries outside the stdlib: what is done to each when it is imported, or is already."""

from greenbridge._patching import Library, Patch

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
)
