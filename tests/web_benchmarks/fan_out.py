"""Ask one server many times at once, with one of two clients, and say how long it took.

python -m tests.web_benchmarks.fan_out greenbridge|grequests URL COUNT
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any


def _client(name: str) -> Any:
    """The module with grequests' names."""
    if name == "grequests":
        import grequests

        return grequests
    import greenbridge
    import greenbridge.requests

    greenbridge.patch_all()
    return greenbridge.requests


def fan_out(client: Any, url: str, count: int) -> dict[str, float]:
    """*count* requests at once: seconds, and how many were not answered."""
    client.map([client.get(url) for _ in range(10)])  # imports
    began, cpu = time.perf_counter(), time.process_time()
    answers = client.map([client.get(url) for _ in range(count)])
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    bad = sum(answer is None or answer.text != "ok" for answer in answers)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"seconds": seconds, "errors": float(bad), "mb": peak, "cpu_us": cpu / count * 1e6}


def main() -> None:
    """Print the figures as JSON."""
    name, url, count = sys.argv[1:]
    client = _client(name)
    if name == "grequests":
        figures = fan_out(client, url, int(count))
    else:
        import greenbridge

        figures = greenbridge.run(fan_out, client, url, int(count))
    sys.stdout.write(f"{json.dumps(figures)}\n")


if __name__ == "__main__":
    main()
