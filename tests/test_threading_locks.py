"""Locks of ``threading``: what they take, and the end of the interpreter."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import greenbridge

from .fresh import in_fresh_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython


def test_locks_work_in_destructors_at_the_end_of_the_interpreter(fresh_python: FreshPython) -> None:
    done = fresh_python(
        """
import greenbridge.auto
import posix, queue, sys, threading

class Last:
    def __init__(self):
        self.lock, self.rlock, self.queue = threading.Lock(), threading.RLock(), queue.Queue()

    def __del__(self, write=posix.write):
        with self.lock, self.rlock, self.rlock:
            self.queue.put(b"so")
        write(1, self.queue.get())

sys.last_of_all = Last()
thread = threading.Thread(target=int)
thread.start()
thread.join()
"""
    )
    assert (done.stdout, done.stderr) == ("so", "")


@in_fresh_python
def test_locks_take_what_those_of_the_stdlib_take() -> None:
    def refused(call: Callable[[], object]) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                call()
            except TypeError:
                return "TypeError"
        return "taken"

    def calls() -> list[str]:
        stdlib: Any = threading
        return [
            refused(lambda: type("MyLock", (type(stdlib.Lock()),), {})),
            refused(lambda: stdlib.Lock(1)),
            refused(lambda: stdlib.RLock(1)),
            refused(lambda: stdlib.RLock(1, a=2)),
            refused(lambda: type("MyRLock", (type(stdlib.RLock()),), {})()),
        ]

    before = calls()
    greenbridge.patch_all()
    assert calls() == before
    assert isinstance(threading.RLock(), greenbridge.RLock)
