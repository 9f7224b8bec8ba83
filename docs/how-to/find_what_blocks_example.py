"""Strict mode; see find-what-blocks.md."""

from __future__ import annotations

import time
import warnings
from collections import Counter

import greenbridge


def legacy() -> None:
    time.sleep(0.7)  # not patched here: it holds the loop


# --8<-- [start:strict]
def main() -> None:
    greenbridge.spawn(legacy).join()
    greenbridge.sleep(0.1)


def strict() -> None:
    greenbridge.run(main, strict=0.2)  # warns of what holds the loop for longer than 0.2 seconds


# --8<-- [end:strict]


# --8<-- [start:report]
held: Counter[str] = Counter()


def count(hold: greenbridge.Hold) -> None:
    held[f"{hold.what} at {hold.file}:{hold.line}"] += 1


def counting() -> None:
    greenbridge.run(main, strict=greenbridge.Strict(0.2, report=count, every=True))


# --8<-- [end:report]


def test_strict() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        strict()
    assert [warning.category for warning in seen] == [greenbridge.LoopHeldWarning]


def test_report() -> None:
    counting()
    ((place, times),) = held.items()
    assert place.startswith("time.sleep at ")
    assert times == 1
