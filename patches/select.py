"""select: the calls that wait for descriptors."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="select",
    replace={
        "select": Patch(
            "greenbridge.green.select:select",
            "waits on the hub",
            also=("selectors:SelectSelector._select",),
        ),
        "poll": Patch(
            "greenbridge.green.select:poll",
            "its poll() waits on the hub",
            also=("selectors:PollSelector._selector_cls",),
            platforms=("!win32",),
        ),
        "epoll": Patch(
            "greenbridge.green.select:epoll",
            "its poll() waits on the hub, for the epoll descriptor itself",
            also=("selectors:EpollSelector._selector_cls",),
            platforms=("linux",),
        ),
    },
    keep={
        "devpoll": Keep("not cooperative yet: use select or poll", platforms=("sunos",)),
        "error": Keep("an exception"),
        "kevent": Keep("a record type", platforms=("darwin", "freebsd", "netbsd", "openbsd")),
        "kqueue": Keep(
            "not cooperative yet: use select or poll",
            platforms=("darwin", "freebsd", "netbsd", "openbsd"),
        ),
    },
)
