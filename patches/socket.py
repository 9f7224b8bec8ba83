"""socket: the class, the name look-ups, and closing a descriptor.

``create_connection`` and its kind stay: they look ``socket`` and ``getaddrinfo`` up in
their own module when called, so they are cooperative as soon as these rows are set,
and so is every ``from socket import create_connection`` that was executed earlier.
"""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="socket",
    replace={
        "socket": Patch(
            "greenbridge.green.socket:socket",
            "a subclass: what would block parks on the hub",
            also=("ssl:socket",),
        ),
        "close": Patch(
            "greenbridge.green.socket:close", "wakes who waits for the descriptor, with EBADF"
        ),
        "getaddrinfo": Patch(
            "greenbridge.green.dns:getaddrinfo",
            "addresses and local names at once; else parks while an OS thread asks",
            part="dns",
        ),
        "gethostbyaddr": Patch("greenbridge.green.dns:gethostbyaddr", "as getaddrinfo", part="dns"),
        "gethostbyname": Patch("greenbridge.green.dns:gethostbyname", "as getaddrinfo", part="dns"),
        "gethostbyname_ex": Patch(
            "greenbridge.green.dns:gethostbyname_ex", "as getaddrinfo", part="dns"
        ),
        "getnameinfo": Patch("greenbridge.green.dns:getnameinfo", "as getaddrinfo", part="dns"),
    },
    keep={
        "AddressFamily": Keep("constants"),
        "AddressInfo": Keep("constants"),
        "CMSG_LEN": Keep("computes", platforms=("!win32",)),
        "CMSG_SPACE": Keep("computes", platforms=("!win32",)),
        "IntEnum": Keep("an import of the module"),
        "IntFlag": Keep("an import of the module"),
        "MsgFlag": Keep("constants"),
        "SocketIO": Keep("calls the methods of its socket, which are green"),
        "SocketKind": Keep("constants"),
        "SocketType": Keep("the C base class: every socket stays an instance of it"),
        "create_connection": Keep("calls getaddrinfo and socket of this module, which are green"),
        "create_server": Keep("calls socket of this module, which is green"),
        "dup": Keep("copies a descriptor, at once"),
        "error": Keep("an exception"),
        "fromfd": Keep("calls socket of this module, which is green"),
        "fromshare": Keep("calls socket of this module, which is green", platforms=("win32",)),
        "gaierror": Keep("an exception"),
        "getdefaulttimeout": Keep("reads a variable"),
        "getfqdn": Keep("calls gethostbyaddr of this module, which is green"),
        "gethostname": Keep("asks the kernel, at once"),
        "getprotobyname": Keep("reads a local file"),
        "getservbyname": Keep("reads a local file"),
        "getservbyport": Keep("reads a local file"),
        "has_dualstack_ipv6": Keep("asks the kernel, at once"),
        "herror": Keep("an exception"),
        "htonl": Keep("computes"),
        "htons": Keep("computes"),
        "if_indextoname": Keep("asks the kernel, at once"),
        "if_nameindex": Keep("asks the kernel, at once"),
        "if_nametoindex": Keep("asks the kernel, at once"),
        "inet_aton": Keep("computes"),
        "inet_ntoa": Keep("computes"),
        "inet_ntop": Keep("computes"),
        "inet_pton": Keep("computes"),
        "ntohl": Keep("computes"),
        "ntohs": Keep("computes"),
        "partial": Keep("an import of the module", since=(3, 15)),
        "recv_fds": Keep("calls recvmsg of its socket, which is green", platforms=("!win32",)),
        "send_fds": Keep("calls sendmsg of its socket, which is green", platforms=("!win32",)),
        "setdefaulttimeout": Keep("sets a variable"),
        "sethostname": Keep("asks the kernel, at once", platforms=("!win32",)),
        "socketpair": Keep("calls socket of this module, which is green"),
        "timeout": Keep("an exception"),
    },
    holders={
        "_socket:close": "the C module, which the green calls",
        "_socket:getaddrinfo": "the C module, which socket.getaddrinfo calls",
        "_socket:gethostbyaddr": "the C module, which the green calls in a thread",
        "_socket:gethostbyname": "the C module, which the green calls in a thread",
        "_socket:gethostbyname_ex": "the C module, which the green calls in a thread",
        "_socket:getnameinfo": "the C module, which the green calls in a thread",
    },
)
