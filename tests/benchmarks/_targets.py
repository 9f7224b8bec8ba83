"""What greenbridge promises: one row a promise, checked by ``--check``.

``versus`` names the peer that the value is divided by; None means that the
value itself is limited. ``at_least`` turns the comparison round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ("TARGETS", "Target")


@dataclass(frozen=True, slots=True)
class Target:
    """One limit on greenbridge's figure for one workload."""

    workload: str
    limit: float
    versus: str | None = "gevent"
    at_least: bool = False


TARGETS: Final = (
    Target("sleep0", 0.6),
    Target("spawn_join", 0.8),
    Target("spawn_join_1k", 0.8),
    Target("socketpair", 0.65),
    Target("socketpair_timeout", 0.55),
    Target("echo_1", 0.65),
    Target("echo_100", 0.65),
    Target("echo_1000", 0.65),
    Target("echo_1_timeout", 0.55),
    Target("echo_100_timeout", 0.55),
    Target("bulk", 1.0, at_least=True),
    Target("await_coroutine", 0.5, "greenback"),
    Target("await_future", 0.5, "greenback"),
    Target("task_await_coroutine", 0.5, "greenback"),
    Target("task_await_future", 0.5, "greenback"),
    Target("task_step", 1.8, "uvloop"),
    Target("timeout", 1.0),
    Target("parked_sleep", 0.9),
    Target("parked_join", 0.9),
    Target("lock", 1.0),
    Target("lock", 3.0, "threads"),
    Target("rlock", 1.0),
    Target("rlock", 3.0, "threads"),
    Target("lock_with", 1.0),
    Target("lock_with", 3.0, "threads"),
    Target("rlock_with", 1.0),
    Target("rlock_with", 3.0, "threads"),
    Target("lock_handover", 0.8),
    Target("lock_contended", 0.8),
    Target("rlock_contended", 0.8),
    Target("semaphore", 0.8),
    Target("event", 0.8),
    Target("condition", 0.8),
    Target("queue", 0.8),
    Target("simple_queue", 0.8),
    Target("queue_bounded", 0.8),
    Target("queue_free", 1.0, "threads"),
    Target("native_wake", 1.2, "uvloop"),
    Target("thread", 0.8),
    Target("executor_map", 0.8),
    Target("subprocess_run", 1.0),
    Target("threads_recv", 200_000, None),  # 2 s for 10,000
    Target("threads_memory", 10_486, None),  # 100 MiB for them
    Target("import_patch", 1.0),
    Target("epoll_ctl", 100, None),
)
