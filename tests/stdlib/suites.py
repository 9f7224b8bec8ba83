"""Which of CPython's suites are run, on which Pythons, and with what limits.

A row is one module of the installed ``test`` package. ``cost`` is what it takes alone on two idle
cores; what is dear is not run on every Python every time (see .ci/plan.py). ``limit`` is the time
after which a suite that is still running is stopped: six times the cost, so it only ends what
hangs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .versions import Python, matches

__all__ = ("GROUPS", "SUITES", "Suite", "chosen")


@dataclass(frozen=True, slots=True)
class Suite:
    """One test module of CPython."""

    name: str
    group: str
    #: Which Pythons have it, as ``versions.matches`` reads it.
    pythons: str = "*"
    #: What ``regrtest -u`` allows it; names that a Python does not know are left out.
    resources: tuple[str, ...] = ("cpu", "walltime")
    #: Seconds that it takes under greenbridge, alone, on the slowest Python.
    cost: float = 5.0
    #: Seconds after which it is stopped; 0: see the head of this file.
    limit: float = 0.0
    #: Whether some installations of a Python that has it leave it out: it is not run there.
    optional: bool = False
    #: The kind of loop that it runs on, whatever the others do: it tests what only that kind has.
    loop: str = ""
    #: Whether its main thread waits for sockets, so that a run without a green wait is a mistake.
    waits: bool = True

    def __post_init__(self) -> None:
        if not self.limit:
            object.__setattr__(self, "limit", max(120.0, 6 * self.cost))


GROUPS: Final = {
    "foundation": "sockets, TLS, selecting, and the clients and servers built on them",
    "processes": "child processes, signals, descriptors and fork",
    "threads": "threads, what they are made of, and what depends on them",
    "asyncio": "asyncio itself",
    "pools": "concurrent.futures and multiprocessing",
}

#: For a suite that asks for the network, but (mostly) stays on loopback.
_LOOPBACK: Final = ("cpu", "walltime", "network")

SUITES: Final = (
    Suite("test_socket", "foundation", cost=60.0),
    Suite("test_ssl", "foundation", cost=45.0),
    Suite("test_select", "foundation"),
    Suite("test_selectors", "foundation", cost=17.0),
    Suite("test_poll", "foundation", cost=12.0),
    Suite("test_epoll", "foundation"),
    Suite("test_timeout", "foundation", resources=_LOOPBACK),
    Suite("test_httplib", "foundation"),
    Suite("test_ftplib", "foundation", cost=15.0),
    Suite("test_poplib", "foundation", cost=10.0),
    Suite("test_imaplib", "foundation", cost=55.0),
    Suite("test_smtplib", "foundation"),
    Suite("test_urllib", "foundation", waits=False),
    Suite("test_urllib2", "foundation", waits=False),
    Suite("test_urllib2_localnet", "foundation"),
    Suite("test_xmlrpc", "foundation", cost=30.0),
    Suite("test_socketserver", "foundation", resources=_LOOPBACK),
    Suite("test_httpservers", "foundation"),
    Suite("test_wsgiref", "foundation"),
    Suite("test_asyncore", "foundation", pythons="<3.12"),
    Suite("test_context", "foundation", waits=False),
    Suite("test_time", "foundation"),
    Suite("test_sched", "foundation"),
    Suite("test_os", "processes", cost=25.0),
    Suite("test_posix", "processes", pythons="<3.15"),  # a part of test_os since
    Suite("test_subprocess", "processes", cost=40.0),
    Suite("test_signal", "processes", cost=60.0),
    Suite("test_fork1", "processes", cost=7.0),
    Suite("test_wait3", "processes", cost=7.0),
    Suite("test_wait4", "processes", cost=7.0),
    Suite("test_pty", "processes", cost=2.0),
    Suite("test_popen", "processes", cost=2.0),
    Suite("test_thread", "threads", cost=3.0),
    Suite("test_threading", "threads", cost=60.0),
    Suite("test_threading_local", "threads", cost=2.0),
    Suite("test_threadsignals", "threads", cost=6.0),
    Suite("test_threadedtempfile", "threads", cost=2.0),
    Suite("test_queue", "threads", cost=30.0),
    Suite("test_weakref", "threads", cost=15.0, waits=False),
    Suite("test_gc", "threads"),
    Suite("test_sys_settrace", "threads", cost=3.0, waits=False),
    Suite("test_contextlib", "threads", cost=2.0, waits=False),
    Suite("test_logging", "threads", cost=35.0),
    Suite("test_importlib.test_locks", "threads", cost=3.0),
    Suite("test_importlib.test_threaded_import", "threads", cost=3.0),
    # What asyncio itself does must not change. It is run on its own loops: some of it is about what
    # uvloop's do not have. Costs of this group are those of a busy machine, too.
    Suite("test_asyncio.test_base_events", "asyncio", cost=7.0, loop="asyncio"),
    Suite("test_asyncio.test_buffered_proto", "asyncio", loop="asyncio", waits=False),
    Suite("test_asyncio.test_context", "asyncio", loop="asyncio", waits=False),
    Suite(
        "test_asyncio.test_eager_task_factory",
        "asyncio",
        pythons=">=3.12",
        cost=7.0,
        loop="asyncio",
    ),
    Suite("test_asyncio.test_events", "asyncio", cost=45.0, loop="asyncio"),
    Suite("test_asyncio.test_free_threading", "asyncio", pythons=">=3.14", loop="asyncio"),
    Suite("test_asyncio.test_futures", "asyncio", cost=14.0, loop="asyncio"),
    Suite("test_asyncio.test_futures2", "asyncio", loop="asyncio"),
    Suite("test_asyncio.test_graph", "asyncio", pythons=">=3.14", loop="asyncio", waits=False),
    Suite("test_asyncio.test_locks", "asyncio", loop="asyncio"),
    Suite("test_asyncio.test_pep492", "asyncio", loop="asyncio", waits=False),
    Suite("test_asyncio.test_proactor_events", "asyncio", loop="asyncio", waits=False),
    Suite("test_asyncio.test_protocols", "asyncio", loop="asyncio", waits=False),
    Suite("test_asyncio.test_queues", "asyncio", loop="asyncio"),
    Suite("test_asyncio.test_runners", "asyncio", loop="asyncio"),
    Suite("test_asyncio.test_selector_events", "asyncio", loop="asyncio", waits=False),
    Suite("test_asyncio.test_sendfile", "asyncio", cost=14.0, loop="asyncio"),
    Suite("test_asyncio.test_server", "asyncio", loop="asyncio"),
    Suite("test_asyncio.test_sock_lowlevel", "asyncio", cost=10.0, loop="asyncio"),
    Suite("test_asyncio.test_ssl", "asyncio", pythons=">=3.11", cost=17.0, loop="asyncio"),
    Suite("test_asyncio.test_sslproto", "asyncio", cost=6.0, loop="asyncio"),
    Suite("test_asyncio.test_staggered", "asyncio", pythons=">=3.13", loop="asyncio"),
    Suite("test_asyncio.test_streams", "asyncio", cost=15.0, loop="asyncio"),
    Suite("test_asyncio.test_subprocess", "asyncio", cost=24.0, loop="asyncio"),
    Suite("test_asyncio.test_taskgroups", "asyncio", pythons=">=3.11", cost=15.0, loop="asyncio"),
    Suite("test_asyncio.test_tasks", "asyncio", cost=75.0, loop="asyncio"),
    Suite("test_asyncio.test_threads", "asyncio", loop="asyncio"),
    Suite("test_asyncio.test_timeouts", "asyncio", pythons=">=3.11", loop="asyncio"),
    Suite("test_asyncio.test_tools", "asyncio", pythons=">=3.14", loop="asyncio"),
    Suite("test_asyncio.test_transports", "asyncio", loop="asyncio", waits=False),
    Suite("test_asyncio.test_unix_events", "asyncio", loop="asyncio"),
    Suite("test_asyncio.test_waitfor", "asyncio", loop="asyncio"),
    # "make install" of 3.11.7 and 3.12.1, among others, forgets the packages.
    Suite("test_multiprocessing_main_handling", "pools", cost=60.0),
    Suite("test_concurrent_futures", "pools", cost=150.0, optional=True),
    Suite("test_multiprocessing_fork", "pools", cost=200.0, optional=True),
    Suite("test_multiprocessing_spawn", "pools", cost=200.0, optional=True),
    Suite("test_multiprocessing_forkserver", "pools", cost=200.0, optional=True),
)


def chosen(python: Python, only: frozenset[str] = frozenset()) -> list[Suite]:
    """The suites that this Python has, or those of them that ``only`` names (suites or groups).

    Raises:
        LookupError: a name in ``only`` is neither a suite nor a group.
    """
    known = GROUPS.keys() | {suite.name for suite in SUITES}
    if unknown := sorted(only - known):
        raise LookupError(
            f"no suite or group is called {', '.join(unknown)}; "
            f"there are {', '.join(sorted(known))}"
        )
    return [
        suite
        for suite in SUITES
        if matches(suite.pythons, python) and (not only or {suite.name, suite.group} & only)
    ]
