"""How long an OS thread has computed, and how long it has waited for a CPU."""

from __future__ import annotations

import time
from typing import Final, final

from .._originals import pthread_getcpuclockid

_NS: Final = 1e-9


@final
class Clock:
    """Of one OS thread, which other threads may read."""

    __slots__ = ("_cpu", "_schedstat")

    def __init__(self, ident: int, native_id: int) -> None:
        self._cpu: int | None = None
        if pthread_getcpuclockid is not None:
            try:
                self._cpu = pthread_getcpuclockid(ident)
            except OSError:
                pass
        # https://docs.kernel.org/scheduler/sched-stats.html: ns on a CPU, ns in the queue, slices
        self._schedstat = f"/proc/self/task/{native_id}/schedstat"

    def cpu(self) -> float:
        """Seconds on a CPU so far, 0 where the system does not say. Keeps the GIL."""
        if self._cpu is None:
            return 0.0
        try:
            return time.clock_gettime(self._cpu)
        except OSError:  # the thread has ended
            self._cpu = None
            return 0.0

    def queued(self) -> float:
        """Seconds in the queue for a CPU so far, 0 where the system does not say."""
        try:
            with open(self._schedstat, "rb", buffering=0) as file:
                return int(file.read(100).split()[1]) * _NS
        except (OSError, IndexError, ValueError):
            return 0.0
