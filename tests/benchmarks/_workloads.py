"""What is measured: one row a workload, one name a peer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ("BY_NAME", "PEERS", "WORKLOADS", "Peer", "Workload")

#: How a value comes about: ``worker`` runs in tests.benchmarks.worker, ``program``
#: is a start-up timed from outside, ``strace`` counts a worker's system calls.
How = Literal["worker", "program", "strace"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One contestant. ``requires`` are the distributions that it is made of."""

    name: str
    title: str
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """One measurement. ``n`` operations are timed and the value is per operation.

    ``fewer`` overrides ``n`` for peers that would take minutes; a value per
    operation stays comparable. ``n`` of a workload with ``fixed`` is never scaled: a
    smaller one would measure something else.
    """

    name: str
    title: str
    unit: str
    n: int
    peers: tuple[str, ...]
    baseline: str = "gevent"
    higher_is_better: bool = False
    how: How = "worker"
    fixed: bool = False
    fewer: dict[str, int] = field(default_factory=dict)


PEERS: Final = (
    Peer("ours", "greenbridge on uvloop", ("greenlet", "uvloop")),
    Peer("ours-asyncio", "greenbridge on asyncio's own loop", ("greenlet",)),
    Peer("gevent", "gevent", ("gevent",)),
    Peer("eventlet", "eventlet", ("eventlet",)),
    Peer("greenback", "greenback on uvloop", ("greenback", "uvloop")),
    Peer("threads", "OS threads", ()),
    Peer("uvloop", "plain asyncio on uvloop", ("uvloop",)),
)

_BLOCKING: Final = ("ours", "ours-asyncio", "gevent", "eventlet", "threads")
_ALL: Final = (*_BLOCKING, "greenback", "uvloop")
_OURS: Final = ("ours", "ours-asyncio")
_SYNC: Final = (*_OURS, "gevent", "eventlet", "threads")
_WAITING: Final = (*_SYNC, "uvloop")
_BRIDGES: Final = (*_OURS, "greenback", "uvloop")

WORKLOADS: Final = (
    Workload("sleep0", "sleep(0), 10 threads", "ns", 200_000, _ALL, fewer={"threads": 20_000}),
    Workload(
        "spawn_join",
        "spawn + join, 200,000 alive",
        "ns",
        200_000,
        (*_OURS, "gevent", "eventlet", "greenback", "uvloop"),
    ),
    Workload(
        "spawn_join_1k", "spawn + join, 1,000 alive", "ns", 50_000, _ALL, fewer={"threads": 5_000}
    ),
    Workload("socketpair", "socketpair round trip", "ns", 30_000, _ALL),
    Workload("socketpair_timeout", "the same, settimeout(5)", "ns", 30_000, _ALL),
    Workload("echo_1", "TCP echo, 1 connection", "ns", 20_000, _ALL),
    Workload("echo_100", "TCP echo, 100 connections", "ns", 20_000, _ALL),
    Workload("echo_1000", "TCP echo, 1,000 connections", "ns", 20_000, _ALL, fixed=True),
    Workload("echo_1_timeout", "TCP echo, 1 connection, settimeout(5)", "ns", 20_000, _ALL),
    Workload("echo_100_timeout", "TCP echo, 100 connections, settimeout(5)", "ns", 20_000, _ALL),
    Workload("bulk", "sendall/recv of 64 MB", "MB/s", 8, _ALL, higher_is_better=True, fixed=True),
    Workload("tls_echo", "TLS echo, 1 connection", "ns", 10_000, (*_BLOCKING, "uvloop")),
    Workload(
        "await_coroutine", "await_ of a finished coroutine", "ns", 100_000, _BRIDGES, "greenback"
    ),
    Workload("await_future", "await_ of a future", "ns", 50_000, _BRIDGES, "greenback"),
    Workload("await_sleep0", "await_ of asyncio.sleep(0)", "ns", 50_000, _BRIDGES, "greenback"),
    Workload(
        "task_await_coroutine",
        "await_ of a finished coroutine, in a green task",
        "ns",
        100_000,
        _BRIDGES,
        "greenback",
    ),
    Workload(
        "task_await_future",
        "await_ of a future, in a green task",
        "ns",
        50_000,
        _BRIDGES,
        "greenback",
    ),
    Workload(
        "task_await_sleep0",
        "await_ of asyncio.sleep(0), in a green task",
        "ns",
        50_000,
        _BRIDGES,
        "greenback",
    ),
    Workload("task_step", "a Task's step", "ns", 100_000, _BRIDGES, "uvloop"),
    Workload(
        "run_sync",
        "run_sync of nothing",
        "ns",
        50_000,
        (*_BRIDGES, "threads"),
        "greenback",
        fewer={"threads": 5_000},
    ),
    Workload(
        "timeout",
        "Timeout enter + exit",
        "ns",
        100_000,
        (*_OURS, "gevent", "eventlet", "greenback", "uvloop"),
    ),
    Workload(
        "parked_sleep",
        "a thread parked in sleep, 10,000 of them",
        "bytes",
        10_000,
        _ALL,
        fewer={"threads": 2_000},
    ),
    Workload(
        "parked_join",
        "a thread parked in join, 10,000 of them",
        "bytes",
        10_000,
        _ALL,
        fewer={"threads": 2_000},
    ),
    Workload("getaddrinfo_literal", "getaddrinfo('127.0.0.1')", "ns", 4_000, _ALL),
    Workload("getaddrinfo_name", "getaddrinfo('localhost')", "ns", 2_000, _ALL),
    Workload("lock", "Lock, acquire + release", "ns", 500_000, _SYNC),
    Workload("rlock", "RLock, acquire + release", "ns", 500_000, _SYNC),
    Workload("lock_with", "with Lock", "ns", 500_000, _SYNC),
    Workload("rlock_with", "with RLock", "ns", 500_000, _SYNC),
    Workload("lock_handover", "two Locks, to and fro", "ns", 50_000, _WAITING),
    Workload("lock_contended", "with Lock: sleep(0), 10 threads", "ns", 50_000, _WAITING),
    Workload("rlock_contended", "with RLock: sleep(0), 10 threads", "ns", 50_000, _SYNC),
    Workload("semaphore", "with Semaphore(2): sleep(0), 10 threads", "ns", 50_000, _WAITING),
    Workload("event", "two Events, to and fro", "ns", 50_000, _WAITING),
    Workload("condition", "one Condition, to and fro", "ns", 30_000, _WAITING),
    Workload("queue", "two Queues, to and fro", "ns", 50_000, _WAITING),
    Workload("simple_queue", "two SimpleQueues, to and fro", "ns", 50_000, _SYNC),
    Workload("queue_bounded", "Queue(10), one puts and one gets", "ns", 100_000, _WAITING),
    Workload("queue_free", "Queue, put + get without a wait", "ns", 200_000, _SYNC),
    Workload("native_wake", "woken by a native thread", "ns", 10_000, _WAITING, "uvloop"),
    Workload("thread", "threading.Thread, start + join", "ns", 10_000, _SYNC),
    Workload("executor_map", "ThreadPoolExecutor(10).map of nothing", "ns", 30_000, _SYNC),
    Workload("subprocess_run", "subprocess.run(['true'])", "ns", 100, _SYNC),
    Workload(
        "threads_recv",
        "a Thread in recv: start + join, 10,000 of them",
        "ns",
        10_000,
        _SYNC,
        fixed=True,
        fewer={"threads": 2_000},
    ),
    Workload(
        "threads_memory",
        "a Thread in recv, 10,000 of them",
        "bytes",
        10_000,
        _SYNC,
        fixed=True,
        fewer={"threads": 2_000},
    ),
    Workload(
        "import_patch",
        "import + patch_all",
        "ms",
        3,
        ("ours", "gevent", "eventlet"),
        how="program",
        fixed=True,
    ),
    Workload(
        "epoll_ctl",
        "epoll_ctl calls in 2,000 socketpair round trips",
        "calls",
        2_000,
        _ALL,
        how="strace",
        fixed=True,
    ),
)

BY_NAME: Final = {row.name: row for row in WORKLOADS}
