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
        name="confluent_kafka",
        module="confluent_kafka",
        note="calls that wait for the broker run in real threads",
        replace={
            "Consumer": Patch("greenbridge._drivers.confluent_kafka:Consumer", "a subclass"),
            "Producer": Patch("greenbridge._drivers.confluent_kafka:Producer", "a subclass"),
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
        name="grpc",
        module="grpc._channel",
        note="calls with one answer wait greenly for the future that grpc makes of them",
        replace={
            "_UnaryUnaryMultiCallable.__call__": Patch("greenbridge._drivers.grpc:unary_call"),
            "_UnaryUnaryMultiCallable.with_call": Patch(
                "greenbridge._drivers.grpc:unary_with_call"
            ),
            "_StreamUnaryMultiCallable.__call__": Patch("greenbridge._drivers.grpc:stream_call"),
            "_StreamUnaryMultiCallable.with_call": Patch(
                "greenbridge._drivers.grpc:stream_with_call"
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
        name="mysqlclient",
        module="MySQLdb.connections",
        note="waits for answers greenly; connecting and reading rows run in real threads",
        replace={
            "Connection": Patch("greenbridge._drivers.mysqlclient:Connection", "a subclass"),
        },
    ),
    Library(
        name="psycopg",
        module="psycopg.waiting",
        note="waits greenly, with the C implementation, too",
        replace={"wait": Patch("greenbridge._drivers.psycopg:wait")},
    ),
    Library(
        name="psycopg2",
        module="psycopg2.extensions",
        note="its wait callback is set, unless the program sets one; COPY and large objects are "
        "not possible then, as psycopg2 documents",
        hook="greenbridge._drivers.psycopg2:hook",
    ),
    Library(
        name="pycurl",
        module="pycurl",
        note="transfers run in real threads, and so do their callbacks",
        replace={
            "Curl": Patch("greenbridge._drivers.pycurl:Curl", "a subclass"),
            "CurlMulti": Patch("greenbridge._drivers.pycurl:CurlMulti", "a subclass"),
        },
    ),
    Library(
        name="pyzmq",
        module="zmq",
        note="sockets and pollers wait greenly for the descriptor of ZeroMQ",
        replace={
            "Context._socket_class": Patch("greenbridge._drivers.zmq:Socket", "a subclass"),
            "Poller": Patch("greenbridge._drivers.zmq:Poller", "a subclass"),
            "Socket": Patch("greenbridge._drivers.zmq:Socket", "a subclass"),
            "select": Patch("greenbridge._drivers.zmq:select"),
            "zmq_poll": Patch("greenbridge._drivers.zmq:poll"),
        },
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
        name="sqlite3",
        module="sqlite3",
        note="statements run in real threads, one at a time for a connection",
        replace={
            "connect": Patch(
                "greenbridge._drivers.sqlite3:connect", also=("sqlite3.dbapi2:connect",)
            ),
        },
        default=False,
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
)
