"""asyncio.events: which loop a green thread has, and which one it gets."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="asyncio.events",
    replace={
        "BaseDefaultEventLoopPolicy.get_event_loop": Patch(
            "greenbridge.green.asyncio:get_event_loop",
            "a green thread has what it has set itself",
            part="asyncio",
            until=(3, 14),
        ),
        "BaseDefaultEventLoopPolicy.set_event_loop": Patch(
            "greenbridge.green.asyncio:set_event_loop",
            "sets the loop of the green thread",
            part="asyncio",
            until=(3, 14),
        ),
        "_BaseDefaultEventLoopPolicy.get_event_loop": Patch(
            "greenbridge.green.asyncio:get_event_loop",
            "a green thread has what it has set itself",
            part="asyncio",
            since=(3, 14),
            until=(3, 16),
        ),
        "_BaseDefaultEventLoopPolicy.set_event_loop": Patch(
            "greenbridge.green.asyncio:set_event_loop",
            "sets the loop of the green thread",
            part="asyncio",
            since=(3, 14),
            until=(3, 16),
        ),
        "new_event_loop": Patch(
            "greenbridge.green.asyncio:new_event_loop",
            "in a green thread a loop that can wait on the hub: one of asyncio's",
            also=("asyncio:new_event_loop",),
            part="asyncio",
        ),
    },
    keep={
        "AbstractEventLoop": Keep("abstract"),
        "AbstractEventLoopPolicy": Keep("abstract", until=(3, 14)),
        "AbstractServer": Keep("abstract"),
        "BaseDefaultEventLoopPolicy": Keep("two of its methods are replaced", until=(3, 14)),
        "Handle": Keep("a record type"),
        "TimerHandle": Keep("a record type"),
        "get_child_watcher": Keep("asks the policy", until=(3, 14)),
        "get_event_loop": Keep("asks the policy, whose methods are replaced"),
        "get_event_loop_policy": Keep("reads a variable"),
        "get_running_loop": Keep("what it reads is swapped when green threads switch"),
        "on_fork": Keep("called by the interpreter", since=(3, 12)),
        "set_child_watcher": Keep("sets a variable", until=(3, 14)),
        "set_event_loop": Keep("asks the policy, whose methods are replaced"),
        "set_event_loop_policy": Keep("sets a variable"),
    },
)
