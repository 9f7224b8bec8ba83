"""What child processes do in test_green_multiprocessing.py: a module that they import quickly."""

from __future__ import annotations

import time
from typing import Any

__all__ = ("Counter", "after", "echo", "fill", "hold", "take")


def after(seconds: float, value: int = 0) -> int:
    """Take *seconds*, give the double of *value*."""
    time.sleep(seconds)
    return 2 * value


def echo(connection: Any) -> None:
    """Answer what comes, late, until that is None."""
    while (value := connection.recv()) is not None:
        time.sleep(0.2)
        connection.send(value)


def fill(queue: Any, count: int) -> None:
    """Put *count* numbers, the first of them late."""
    time.sleep(0.3)
    for number in range(count):
        queue.put(number)


def take(queue: Any, results: Any) -> None:
    """Say the length of everything until None."""
    while (item := queue.get()) is not None:
        results.put(len(item))


def hold(lock: Any, held: Any, seconds: float) -> None:
    """Have *lock* for *seconds*; *held* is set as soon as that is so."""
    with lock:
        held.set()
        time.sleep(seconds)


class Counter:
    """What a manager serves."""

    def __init__(self) -> None:
        self._value = 0

    def add(self, seconds: float) -> int:
        """Take *seconds*, count once more."""
        time.sleep(seconds)
        self._value += 1
        return self._value
