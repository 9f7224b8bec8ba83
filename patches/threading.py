"""threading: its Python classes stay, and stand on other locks and threads (see _thread)."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="threading",
    replace={
        "Barrier": Patch("greenbridge.green.threading:Barrier", "a subclass, also for coroutines"),
        "BoundedSemaphore": Patch(
            "greenbridge.green.threading:BoundedSemaphore", "a subclass, also for coroutines"
        ),
        "Condition": Patch(
            "greenbridge.green.threading:Condition", "a subclass, also for coroutines"
        ),
        "Event": Patch("greenbridge.green.threading:Event", "a subclass, also for coroutines"),
        "Semaphore": Patch(
            "greenbridge.green.threading:Semaphore", "a subclass, also for coroutines"
        ),
        "Thread._set_tstate_lock": Patch(
            "greenbridge.green.threading:set_tstate_lock",
            "a green thread has it from its start",
            until=(3, 13),
        ),
        "Thread.join": Patch(
            "greenbridge.green.threading:join", "parks; for a real thread, too, in green code"
        ),
        "_DummyThread": Patch(
            "greenbridge.green.threading:_DummyThread", "goes away with its green thread"
        ),
        "_get_main_thread_ident": Patch(
            "greenbridge.green.threading:get_main_thread_ident",
            "in the child of a fork, the green thread that forked",
            since=(3, 13),
        ),
        "_make_invoke_excepthook": Patch(
            "greenbridge.green.threading:make_invoke_excepthook",
            "a green thread that is killed is no error",
        ),
        "_shutdown": Patch("greenbridge.green.threading:shutdown", "waits for green threads, too"),
    },
    keep={
        "BrokenBarrierError": Keep("an exception"),
        "ExceptHookArgs": Keep("a record type"),
        "Lock": Keep("replaced by the table of _thread"),
        "RLock": Keep("calls _thread.RLock, which is green"),
        "Thread": Keep("starts what _thread starts; its join is replaced"),
        "ThreadError": Keep("an exception"),
        "Timer": Keep("a Thread"),
        "WeakSet": Keep("an import of the module"),
        "activeCount": Keep("reads a list"),
        "active_count": Keep("reads a list"),
        "concurrent_tee": Keep("uses Lock of this module, which is green", since=(3, 15)),
        "currentThread": Keep("calls current_thread"),
        "current_thread": Keep("asks get_ident of this module, which is green"),
        "enumerate": Keep("reads a list"),
        "excepthook": Keep("prints"),
        "get_ident": Keep("replaced by the table of _thread"),
        "get_native_id": Keep("green threads have that of their OS thread"),
        "getprofile": Keep("reads a variable"),
        "gettrace": Keep("reads a variable"),
        "local": Keep("replaced by the table of _thread"),
        "main_thread": Keep("reads a variable"),
        "serialize_iterator": Keep("uses Lock of this module, which is green", since=(3, 15)),
        "setprofile": Keep("sets a variable"),
        "setprofile_all_threads": Keep("sets a variable and asks the interpreter", since=(3, 12)),
        "settrace": Keep("sets a variable"),
        "settrace_all_threads": Keep("sets a variable and asks the interpreter", since=(3, 12)),
        "stack_size": Keep("of real threads; a green one has what it needs"),
        "synchronized_iterator": Keep("uses Lock of this module, which is green", since=(3, 15)),
    },
    after=("_thread",),
)
