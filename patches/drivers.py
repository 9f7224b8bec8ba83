"""Libraries that wait in C, and what is done about it when each is imported, or is already."""

from greenbridge._patching import Library, Patch

DRIVERS: tuple[Library, ...] = (
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
)
