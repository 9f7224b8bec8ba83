"""The soak, for a bounded number of cycles: nothing is left behind."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .green import run_green
from .soak import Soak

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

# A tenth of what CI runs: python -m tests.soak --cycles 20000
CYCLES = 2_000
#: Seconds; far above what the cycles take, and a bound where a machine is slow.
AT_MOST = 120.0


def test_connect_close_and_cancel_leave_nothing(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    soak = Soak(random.Random(1))
    run_green(soak.check, CYCLES, AT_MOST, loop_factory=loop_factory)
    assert sum(soak.done.values()) >= CYCLES
    assert min(soak.done.values()) > CYCLES / 50, soak.done  # each way to be cut was taken
