"""Stand-ins for ``queue``: greenbridge's own queues, under the names of the stdlib's.

https://docs.python.org/3/library/queue.html
"""

from __future__ import annotations

from typing import TypeVar

from .. import _sync

__all__ = ("LifoQueue", "PriorityQueue", "Queue", "SimpleQueue")

T = TypeVar("T")


class Queue(_sync.Queue[T]):
    """``queue.Queue`` whose waits park in green code."""

    __module__ = "queue"


class LifoQueue(_sync.LifoQueue[T]):
    """``queue.LifoQueue`` whose waits park in green code."""

    __module__ = "queue"


class PriorityQueue(_sync.PriorityQueue[T]):
    """``queue.PriorityQueue`` whose waits park in green code."""

    __module__ = "queue"


class SimpleQueue(_sync.SimpleQueue[T]):
    """``queue.SimpleQueue`` whose waits park in green code."""

    __module__ = "queue"
