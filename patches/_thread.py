"""_thread: what threads are made of. Goes with the table of threading."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="_thread",
    within="threading",
    replace={
        "LockType": Patch(
            "greenbridge.green.thread:Lock",
            "the lock that threads of every kind share",
            also=("threading:Lock", "threading:_LockType"),
        ),
        "RLock": Patch(
            "greenbridge.green.thread:RLock",
            "owned per green thread, per Task in coroutines and green tasks, else per OS thread",
            also=("bz2:RLock", "functools:RLock", "threading:_CRLock"),
        ),
        "_count": Patch("greenbridge.green.thread:_count", "counts green threads, too"),
        "_get_name": Patch(
            "greenbridge.green.thread:get_name",
            "what a green thread has called itself",
            since=(3, 14),
        ),
        "_local": Patch(
            "greenbridge.green.thread:local",
            "per green thread, per Task in green tasks, else per OS thread",
            also=("threading:local",),
        ),
        "_set_sentinel": Patch(
            "greenbridge.green.thread:_set_sentinel",
            "in a green thread: is held until that ends",
            also=("threading:_set_sentinel",),
            until=(3, 13),
        ),
        "_shutdown": Patch(
            "greenbridge.green.threading:thread_shutdown",
            "waits for green threads, too",
            also=("threading:_thread_shutdown",),
            since=(3, 13),
        ),
        "allocate": Patch("greenbridge.green.thread:Lock", "as LockType"),
        "allocate_lock": Patch(
            "greenbridge.green.thread:Lock",
            "as LockType",
            also=(
                "_pyio:Lock",
                "_strptime:_thread_allocate_lock",
                "tempfile:_allocate_lock",
                "threading:Lock",
                "threading:_allocate_lock",
            ),
        ),
        "get_ident": Patch(
            "greenbridge.green.thread:get_ident",
            "a green thread has one of its own",
            also=("asyncio.base_futures:get_ident", "reprlib:get_ident", "threading:get_ident"),
        ),
        "lock": Patch("greenbridge.green.thread:Lock", "as LockType", since=(3, 13)),
        "set_name": Patch(
            "greenbridge.green.thread:set_name",
            "a green thread keeps it to itself",
            also=("threading:_set_name",),
            since=(3, 14),
        ),
        "start_joinable_thread": Patch(
            "greenbridge.green.thread:start_joinable_thread",
            "as start_new_thread",
            also=("threading:_start_joinable_thread",),
            since=(3, 13),
        ),
        "start_new": Patch("greenbridge.green.thread:start_new_thread", "as start_new_thread"),
        "start_new_thread": Patch(
            "greenbridge.green.thread:start_new_thread",
            "a green thread; in an OS thread without a hub, and for event loops, a real one",
            also=("threading:_start_new_thread",),
        ),
    },
    keep={
        "daemon_threads_allowed": Keep("asks the interpreter", since=(3, 12)),
        "error": Keep("an exception"),
        "exit": Keep("raises SystemExit"),
        "exit_thread": Keep("raises SystemExit"),
        "get_native_id": Keep("green threads have that of their OS thread"),
        "interrupt_main": Keep("simulates a signal"),
        "stack_size": Keep("of real threads; a green one has what it needs"),
    },
    holders={
        "asyncio.events:BaseDefaultEventLoopPolicy._Local": "asyncio's own, per OS thread",
        "asyncio.events:_BaseDefaultEventLoopPolicy._Local": "asyncio's own, per OS thread",
        "asyncio.events:_RunningLoop": "asyncio's own, which greenbridge swaps at a switch",
        "multiprocessing.util:ForkAwareLocal": "per OS thread, if it was imported before",
    },
)
