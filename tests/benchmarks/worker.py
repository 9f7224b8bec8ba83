"""One measurement in a process of its own: ``worker PEER WORKLOAD N CLOCK`` prints the value.

A tenth of the work is done first, untimed, so that lazily made things exist
(not where a fresh process is the point: memory and counted system calls).
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from functools import partial

from . import _clock
from ._workloads import BY_NAME

__all__ = ("main",)

_SECOND_IN_NS = 1e9
#: 10,000 threads wait for a descriptor each, and the soft limit is often 1,024.
_DESCRIPTORS = 12_000


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < _DESCRIPTORS:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, hard), hard))


def _value(peer: str, workload: str, n: int, *, warm: bool) -> float:
    few = max(n // 10, 1)
    # Imported late: each peer patches the standard library in its own way.
    if peer == "uvloop":
        import uvloop

        from . import _coroutines, _primitives_async

        coroutines = {**_coroutines.BODIES, **_primitives_async.BODIES}

        async def amain() -> float:
            if warm:
                await coroutines[workload](few)
            return await coroutines[workload](n)

        return uvloop.run(amain())
    from . import _bridges

    if workload in _bridges.NAMES:
        _bridges.measure(peer, workload, few)
        return _bridges.measure(peer, workload, n)
    from ._peers import blocking_peer

    contestant = blocking_peer(peer)
    from . import _blocking, _primitives, _threaded

    bodies = {**_blocking.BODIES, **_primitives.BODIES, **_threaded.BODIES}
    body = partial(bodies[workload], contestant)

    def main() -> float:
        if warm:
            body(few)
        return body(n)

    return contestant.run(main)


def main(argv: list[str]) -> None:
    """Print the value of one row, in its unit, for one peer."""
    peer, name, n, clock = argv[0], argv[1], int(argv[2]), argv[3]
    _clock.choose(clock)
    _raise_descriptor_limit()
    row = BY_NAME[name]
    if row.how == "strace":
        _value(peer, "socketpair", n, warm=False)
        value = 0.0
    elif row.unit == "ns":
        value = _value(peer, name, n, warm=True) / n * _SECOND_IN_NS
    else:
        value = _value(peer, name, n, warm=row.unit == "MB/s")
    print(f"value {value}", flush=True)
    # Thousands of parked threads are left to the system: unwinding them is not measured.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
