"""A coroutine that is one call of a sync function: what ``run_sync`` returns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from greenlet import getcurrent, greenlet

from ._delivery import as_exception
from ._tasks import GreenCoro, Pool, Worker, can_park
from ._timers import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

_CancelledError: Final = asyncio.CancelledError
_current_task: Final = asyncio.current_task


def _resume(resume: greenlet) -> None:
    resume.switch(None)


class SyncCall(GreenCoro):
    """A coroutine that is one call of a sync function, run in a worker."""

    __slots__ = ("_call", "_done")

    def __init__(self, pool: Pool, call: Callable[[], Any], fn: Any) -> None:
        GreenCoro.__init__(self, pool, fn)
        self._call: Callable[[], Any] | None = call
        self._done = False

    def __next__(self) -> Any:
        if self._worker is None and can_park(getcurrent(), self._pool.loop):
            raise StopIteration(self._run(None))
        return self._advance(self._run, _resume)

    def send(self, value: Any) -> Any:
        if value is None:
            return self.__next__()
        return self._advance(self._run, lambda resume: resume.switch(value))

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        exc: Any = as_exception(typ, val, tb)
        if self.pending is not None and isinstance(exc, _CancelledError):
            exc = self.thrown(exc)
        try:
            if self._call is not None:  # cancelled before it began
                self._call = None
                raise exc
            return self._advance(
                None,
                lambda resume: resume.throw(type(exc), exc, exc.__traceback__),
            )
        finally:
            typ = val = tb = exc = None  # else its traceback holds a frame that holds it

    def close(self) -> None:
        if self._worker is not None:
            super().close()
        self._call = None

    def _run(self, _: None) -> Any:
        call, self._call = self._call, None
        if call is None:
            raise RuntimeError(f"cannot reuse already awaited {self!r}")
        try:
            value = call()
        except StopIteration as exc:  # would pass for the result
            raise RuntimeError(f"{self._coro!r} raised StopIteration") from exc
        self._done = True
        return value

    def _after_step(self, worker: Worker) -> Any:
        if not self._done:
            return super()._after_step(worker)
        out = worker.out
        worker.out = None
        self._done = False
        self._give_back(worker)
        self.task = None
        if self.timer_at != NEVER:
            self.hub.timers.discard(self)
        raise StopIteration(out)

    def _take_worker(self) -> Worker:
        pool = self._pool
        self._worker = worker = pool.idle.pop() if pool.idle else Worker()
        worker.job = ref(self)
        self._go = worker.switch
        self.task = _current_task(pool.loop)
        context = getcurrent().gr_context
        if worker.coro_context is not context:
            worker.gr_context = worker.coro_context = context
        worker.sticky = worker.special = False
        return worker
