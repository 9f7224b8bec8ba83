"""select: the calls that wait for descriptors."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="select",
    replace={
        "select": Patch("greenbridge.green.select:select", "parks on the hub"),
        "poll": Patch(
            "greenbridge.green.select:poll",
            "an object whose poll() parks on the hub",
            platforms=("!win32",),
        ),
        "epoll": Patch(
            "greenbridge.green.select:epoll",
            "an object whose poll() parks until the epoll descriptor itself is readable",
            platforms=("linux",),
        ),
    },
    keep={
        "devpoll": Keep("blocks: use select or poll", platforms=("sunos",)),
        "error": Keep("an exception"),
        "kevent": Keep("a record type", platforms=("darwin", "freebsd", "netbsd", "openbsd")),
        "kqueue": Keep(
            "blocks: use select or poll", platforms=("darwin", "freebsd", "netbsd", "openbsd")
        ),
    },
    holders={
        "selectors:EpollSelector._selector_cls": "the table of selectors replaces select()",
        "selectors:PollSelector._selector_cls": "the table of selectors replaces select()",
        "selectors:SelectSelector._select": "the table of selectors replaces select()",
    },
)
