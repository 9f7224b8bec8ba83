"""selectors: its classes take what they wait with from ``select``, by rows of that table."""

from greenbridge._patching import Keep, Table

TABLE = Table(
    module="selectors",
    replace={},
    keep={
        "ABCMeta": Keep("an import of the module"),
        "BaseSelector": Keep("abstract"),
        "DefaultSelector": Keep("one of the classes of this module"),
        "DevpollSelector": Keep("not cooperative yet", platforms=("sunos",)),
        "EpollSelector": Keep("waits with select.epoll, which is green", platforms=("linux",)),
        "KqueueSelector": Keep(
            "not cooperative yet", platforms=("darwin", "freebsd", "netbsd", "openbsd")
        ),
        "Mapping": Keep("an import of the module"),
        "PollSelector": Keep("waits with select.poll, which is green", platforms=("!win32",)),
        "SelectSelector": Keep("waits with select.select, which is green"),
        "SelectorKey": Keep("a record type"),
        "abstractmethod": Keep("an import of the module"),
        "namedtuple": Keep("an import of the module"),
    },
    after=("select",),
)
