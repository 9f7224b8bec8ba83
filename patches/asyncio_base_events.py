"""asyncio.base_events: the hub's loop, asked to run by the main program beside it."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="asyncio.base_events",
    replace={
        "BaseEventLoop._check_thread": Patch(
            "greenbridge.green.asyncio:loop_check_thread",
            "in debug mode: green threads may use the hub's loop, which is in their OS thread",
            part="threading",
        ),
        "BaseEventLoop.run_forever": Patch(
            "greenbridge.green.asyncio:loop_run_forever",
            "on the hub's own loop the main program parks",
            part="asyncio",
        ),
        "BaseEventLoop.run_until_complete": Patch(
            "greenbridge.green.asyncio:loop_run_until_complete",
            "on the hub's own loop the main program parks",
            part="asyncio",
        ),
    },
    keep={
        "BaseEventLoop": Keep("some of its methods are replaced"),
        "Server": Keep("waits as a coroutine does"),
    },
)
