"""A worker pool for Celery: each task runs in a green thread, ``async def`` tasks included.

    CELERY_CUSTOM_WORKER_POOL=greenbridge.celery:TaskPool celery -A app worker -P custom -c 500

Importing this module patches the standard library, if that has not been done: Celery imports it
when the command line is read, after the application's own modules, so the names that those have
bound are bound anew. ``python -m greenbridge -m celery ...`` patches before anything is imported.
Celery's own machinery (consumer, timers, acknowledgements) is untouched; see https://docs.celeryq.dev/en/stable/internals/reference/celery.concurrency.base.html
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections import deque
from typing import TYPE_CHECKING, Any, Final, final

from ._await import await_
from ._errors import GreenExit
from ._groups import joinall, killall
from ._patch_rebind import rebind
from ._patching import patch_all
from ._spawn import current_green, spawn, spawn_later

if TYPE_CHECKING:

    class BasePool:
        """What is used of Celery's own, which has no types."""

        app: Any
        limit: int
        options: dict[str, Any]

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...
        def _get_info(self) -> dict[str, Any]: ...

    class SoftTimeLimitExceeded(Exception): ...

    def apply_target(*args: Any, **kwargs: Any) -> Any: ...
else:
    try:
        from billiard.exceptions import SoftTimeLimitExceeded
        from celery.concurrency.base import BasePool, apply_target
    except ImportError as _error:
        raise ImportError(
            "greenbridge.celery is a pool for Celery's worker, which is not installed. Write: "
            "pip install celery"
        ) from _error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._threads import GreenThread

__all__ = ("TaskPool",)

patch_all()
rebind()  # Celery, kombu and the application have been imported before

#: Seconds that killed tasks get to run their ``finally`` blocks in a cold shutdown (a guess).
_UNWIND_S: Final = 5.0
_numbers: Final = itertools.count(1)


@final
class TaskPool(BasePool):
    """The pool that ``-P custom`` names; ``-c`` or ``--autoscale`` say how many tasks run at once.

    - Soft time limits raise ``SoftTimeLimitExceeded`` where the task waits, hard ones end it there.
      A task that computes without waiting is ended at its next wait.
    - ``revoke(terminate=True)`` ends the task where it waits, whatever the signal.
    - A warm shutdown waits for the tasks that run, a cold one ends them; their ``finally`` blocks
      run. What had not begun goes back to the broker.
    - An ``async def`` task is awaited on the worker's loop.
    """

    body_can_be_buffer = True
    signal_safe = False
    is_green = True
    limit: int
    task_join_will_block = False  # a task that waits for another one holds up nobody

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: deque[_Job] = deque()
        self._running: dict[int, _Job] = {}
        self._limits = {name: self.options.get(name) for name in ("timeout", "soft_timeout")}

    def on_start(self) -> None:
        """Celery has loaded its tasks, and has not built what calls them."""
        for task in self.app.tasks.values() if self.app is not None else ():
            if inspect.iscoroutinefunction(task.run):
                task.run = _awaited(task.run)

    def spawn_n(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
        """Start what Celery itself runs beside the tasks: the remote control of the worker."""
        return spawn(fn, *args, **kwargs)

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        timeout_callback: Callable[..., Any] | None = None,
        timeout: float | None = None,
        soft_timeout: float | None = None,
        **options: Any,
    ) -> _Job:
        """Run a task as soon as there is room; never waits. Time limits are in seconds."""
        job = _Job(self, target, args, kwargs, callback, accept_callback)
        job.on_timeout = timeout_callback
        job.timeout = timeout or self._limits["timeout"]
        job.soft_timeout = soft_timeout or self._limits["soft_timeout"]
        self._waiting.append(job)
        self._fill()
        return job

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self.limit:
            job = self._waiting.popleft()
            self._running[job.pid] = job
            job.thread = spawn(job.run)
            job.thread.name = f"celery-task-{job.pid}"

    def _ended(self, job: _Job) -> None:
        if self._running.pop(job.pid, None) is not None:
            self._fill()

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """End the task that was accepted with this number."""
        if job := self._running.get(pid):
            job.terminate(signal)

    def grow(self, n: int = 1) -> None:
        """Let *n* more run at once."""
        self.limit += n
        self._fill()

    def shrink(self, n: int = 1) -> None:
        """Let *n* fewer run at once; those that run are not ended."""
        self.limit = max(1, self.limit - n)

    def flush(self) -> None:
        """Forget what has not begun."""
        self._waiting.clear()

    def on_stop(self) -> None:
        """Warm shutdown: wait for what runs."""
        self._waiting.clear()
        joinall(self._threads())

    def on_terminate(self) -> None:
        """Cold shutdown: end what runs."""
        self._waiting.clear()
        killall(self._threads(), timeout=_UNWIND_S)

    def _threads(self) -> list[GreenThread]:
        own: Any = current_green()
        return [job.thread for job in self._running.values() if job.thread not in (None, own)]

    def _get_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._get_info()
        return {**info, "green-threads": len(self._running), "waiting": len(self._waiting)}


@final
class _Job:
    """One task of the pool, and what ``apply_async`` returns: Celery keeps a weak reference."""

    def __init__(
        self,
        pool: TaskPool,
        target: Callable[..., Any],
        args: Iterable[Any],
        kwargs: dict[str, Any] | None,
        callback: Callable[..., Any] | None,
        accept_callback: Callable[..., Any] | None,
    ) -> None:
        self.pid: int = next(_numbers)  # stands for the process of a prefork pool
        self.thread: GreenThread | None = None
        self.on_timeout: Callable[..., Any] | None = None
        self.timeout: float | None = None
        self.soft_timeout: float | None = None
        self._pool = pool
        self._call = target, args, kwargs, callback, accept_callback
        self._timers: list[GreenThread] = []
        self._terminated = False

    def run(self) -> None:
        """Run the task, in its green thread."""
        try:
            if self.soft_timeout:
                self._timers.append(spawn_later(self.soft_timeout, self._soft_limit))
            if self.timeout:
                self._timers.append(spawn_later(self.timeout, self._hard_limit))
            apply_target(*self._call, pid=self.pid, propagate=(GreenExit,))
        except GreenExit:
            pass  # whoever ended it has told Celery
        finally:
            killall(self._timers, block=False)
            self._pool._ended(self)

    def _soft_limit(self) -> None:
        self._drop_timer()  # telling Celery must not end with the task
        self._interrupt(SoftTimeLimitExceeded(self.soft_timeout))
        if self.on_timeout is not None:
            self.on_timeout(True, self.soft_timeout)

    def _drop_timer(self) -> None:
        own: Any = current_green()
        self._timers.remove(own)

    def _hard_limit(self) -> None:
        self._drop_timer()
        self._interrupt(GreenExit())
        if self.on_timeout is not None:
            self.on_timeout(False, self.timeout)

    def _interrupt(self, error: BaseException) -> None:
        if self.thread is not None and self._pool._running.get(self.pid) is self:
            self.thread.kill(error, block=False)

    def terminate(self, signal: int | None = None) -> None:
        """End it; if it has not begun, it never does. Celery says itself that it was revoked."""
        if self in self._pool._waiting:
            self._pool._waiting.remove(self)
        elif not self._terminated:  # Celery asks twice, and its finally blocks may wait
            self._terminated = True
            self._interrupt(GreenExit())

    def get(self) -> None:
        """Wait for its end."""
        if self.thread is not None:
            self.thread.get()

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end, at most *timeout* seconds."""
        if self.thread is not None:
            self.thread.join(timeout)


def _awaited(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def call(*args: Any, **kwargs: Any) -> Any:
        return await_(run(*args, **kwargs))

    return call
