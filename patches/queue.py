"""queue: each class is a subclass whose waits park; items go to who has waited longest."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="queue",
    replace={
        "LifoQueue": Patch(
            "greenbridge.green.queue:LifoQueue",
            "a subclass, also for coroutines",
            cooperative=True,
        ),
        "PriorityQueue": Patch(
            "greenbridge.green.queue:PriorityQueue",
            "a subclass, also for coroutines",
            cooperative=True,
        ),
        "Queue": Patch(
            "greenbridge.green.queue:Queue",
            "a subclass, also for coroutines; put() may be called in a finalizer",
            cooperative=True,
        ),
        "SimpleQueue": Patch(
            "greenbridge.green.queue:SimpleQueue", "a subclass, also for coroutines"
        ),
    },
    keep={
        "Empty": Keep("an exception"),
        "Full": Keep("an exception"),
        "ShutDown": Keep("an exception", since=(3, 13)),
        "deque": Keep("an import of the module"),
        "heappop": Keep("an import of the module"),
        "heappush": Keep("an import of the module"),
        "time": Keep("an import of the module: a clock"),
    },
    after=("threading",),
    holders={
        "_queue:SimpleQueue": "the C class, which the green one is a subclass of",
        "queue:_PySimpleQueue": "not used where there is the C class",
    },
)
