"""selectors: the methods that wait, in the classes themselves.

So selectors that exist, subclasses, and modules that imported a class earlier are green too.
"""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="selectors",
    replace={
        "EpollSelector.close": Patch(
            "greenbridge.green.selectors:close_epoll",
            "wakes who waits for the selector, with EBADF",
            platforms=("linux",),
        ),
        "EpollSelector.select": Patch(
            "greenbridge.green.selectors:select_epoll",
            "parks until the epoll descriptor itself is readable",
            platforms=("linux",),
        ),
        "PollSelector.select": Patch(
            "greenbridge.green.selectors:select_poll", "parks on the hub", platforms=("!win32",)
        ),
        "SelectSelector.select": Patch(
            "greenbridge.green.selectors:select_select", "parks on the hub"
        ),
    },
    keep={
        "ABCMeta": Keep("an import of the module"),
        "BaseSelector": Keep("abstract"),
        "DefaultSelector": Keep("one of the classes of this module"),
        "DevpollSelector": Keep("blocks: use SelectSelector or PollSelector", platforms=("sunos",)),
        "EpollSelector": Keep("its methods are replaced", platforms=("linux",)),
        "KqueueSelector": Keep(
            "blocks: use SelectSelector or PollSelector",
            platforms=("darwin", "freebsd", "netbsd", "openbsd"),
        ),
        "Mapping": Keep("an import of the module"),
        "PollSelector": Keep("its methods are replaced", platforms=("!win32",)),
        "SelectSelector": Keep("its methods are replaced"),
        "SelectorKey": Keep("a record type"),
        "abstractmethod": Keep("an import of the module"),
        "namedtuple": Keep("an import of the module"),
    },
    after=("select",),
    holders={
        "selectors:_PollLikeSelector.select": "the base class: PollSelector has its own now",
    },
)
