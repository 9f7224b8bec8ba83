"""asyncio.runners: ``asyncio.run`` of the main program runs on the hub's loop."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="asyncio.runners",
    replace={
        "Runner._lazy_init": Patch(
            "greenbridge.green.asyncio:runner_lazy_init",
            "in the main program, without a loop factory: takes the hub's loop",
            part="asyncio",
            since=(3, 11),
        ),
        "Runner.close": Patch(
            "greenbridge.green.asyncio:runner_close",
            "the hub's loop goes on while green threads are on it",
            part="asyncio",
            since=(3, 11),
        ),
        "Runner.run": Patch(
            "greenbridge.green.asyncio:runner_run",
            "knows which Tasks are its own",
            part="asyncio",
            since=(3, 11),
        ),
        "run": Patch(
            "greenbridge.green.asyncio:run",
            "in the main program: runs on the hub's loop",
            also=("asyncio:run",),
            part="asyncio",
        ),
    },
    keep={"Runner": Keep("its methods are replaced", since=(3, 11))},
)
