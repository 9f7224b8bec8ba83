"""The clock of the workloads: wall time, or the processor time of the process.

The worker chooses before it imports a workload; see ``--clock``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ("CLOCKS", "choose", "now")

Clock = Callable[[], float]
CLOCKS: Final[dict[str, Clock]] = {"wall": time.perf_counter, "cpu": time.process_time}
_chosen: Clock = time.perf_counter


def choose(name: str) -> None:
    """Use this clock from now on."""
    global _chosen
    _chosen = CLOCKS[name]


def now() -> float:
    """Seconds since some moment, for differences."""
    return _chosen()
