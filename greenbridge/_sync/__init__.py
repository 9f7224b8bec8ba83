"""Locks, events, queues: one of each for green threads, green tasks, coroutines, native threads."""

from __future__ import annotations

from ._conditions import Barrier as Barrier
from ._conditions import Condition as Condition
from ._events import Event as Event
from ._locks import Lock as Lock
from ._locks import RLock as RLock
from ._outcome import Outcome as Outcome
from ._queues import LifoQueue as LifoQueue
from ._queues import PriorityQueue as PriorityQueue
from ._queues import Queue as Queue
from ._semaphores import BoundedSemaphore as BoundedSemaphore
from ._semaphores import Semaphore as Semaphore
from ._simple import SimpleQueue as SimpleQueue
from ._vain import in_vain as in_vain

__all__ = (
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "LifoQueue",
    "Lock",
    "Outcome",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "SimpleQueue",
    "in_vain",
)
