"""multiprocessing.connection: the functions that hold originals as defaults of arguments."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="multiprocessing.connection",
    replace={
        "Connection._close": Patch(
            "greenbridge.green.multiprocessing:close",
            "wakes who waits for the connection, with EBADF",
            part="multiprocessing",
            platforms=("!win32",),
        ),
        "Connection._recv": Patch(
            "greenbridge.green.multiprocessing:recv",
            "parks on the hub",
            part="multiprocessing",
            platforms=("!win32",),
        ),
        "Connection._send": Patch(
            "greenbridge.green.multiprocessing:send",
            "parks on the hub",
            part="multiprocessing",
            platforms=("!win32",),
        ),
    },
    keep={
        "AuthenticationError BufferTooShort": Keep("an exception"),
        "Client Listener Pipe SocketClient SocketListener": Keep(
            "made of names of socket, which are green"
        ),
        "Connection": Keep("its methods are replaced"),
        "ConnectionWrapper XmlClient XmlListener": Keep("made of the other names of the module"),
        "PipeClient PipeConnection PipeListener rebuild_pipe_connection reduce_pipe_connection": (
            Keep("blocks", platforms=("win32",))
        ),
        "address_type arbitrary_address": Keep("computes"),
        "answer_challenge deliver_challenge": Keep(
            "calls methods of a connection, which are green"
        ),
        "rebuild_connection reduce_connection": Keep("pickles a connection"),
        "wait": Keep("waits through selectors, which are green"),
    },
    after=("os", "selectors", "socket"),
    holders={
        "multiprocessing.connection:Connection._read": "for a default of _recv, which is replaced",
        "multiprocessing.connection:Connection._write": "for a default of _send, which is replaced",
    },
    lazy=True,
)
