"""Waiting for many green threads: joinall, wait, iwait, killall; Group and Pool."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, final

from ._amid import place
from ._errors import BlockingSwitchError, GreenExit
from ._originals import get_ident, monotonic
from ._portal import current_owner, make_waiter
from ._spawn import spawn
from ._timers import NEVER, check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._threads import GreenThread


def _finished_in_order(
    threads: Iterable[GreenThread], timeout: float | None, count: int | None
) -> Iterator[GreenThread]:
    """Yield threads as they finish, at most *count*, until *timeout* seconds are over."""
    check_seconds(timeout)
    waiting = list(dict.fromkeys(threads))
    if count is None or count > len(waiting):
        count = len(waiting)
    deadline = NEVER if timeout is None else monotonic() + timeout
    done: deque[GreenThread] = deque()
    key = object()
    waiter: Any = None

    def note(thread: GreenThread) -> Callable[[], None]:
        def finished() -> None:
            done.append(thread)
            if waiter is not None:
                waiter.wake()

        return finished

    for thread in waiting:
        if thread.ready():
            done.append(thread)
        else:
            thread._add_link(key, note(thread))
    try:
        while count > 0:
            if not done:
                owner = current_owner()
                if owner is None:
                    if not _join_native(waiting, done, deadline):
                        return
                    continue
                if deadline <= monotonic():
                    return
                waiter = make_waiter(owner, deadline)
                try:
                    if not waiter.park() and not done:
                        return
                finally:
                    waiter = None
            yield done.popleft()
            count -= 1
    finally:
        for thread in waiting:
            thread._remove_link(key)


def _join_native(waiting: list[GreenThread], done: deque[GreenThread], deadline: float) -> bool:
    """Where nothing can park: block until one more has finished; False if the time is over."""
    for thread in waiting:
        if not thread.ready():
            if thread.hub.ident == get_ident():
                raise BlockingSwitchError(
                    f"green threads were joined in {place()}; nothing could run them meanwhile. "
                    "In an async def await them one by one, or with asyncio.gather(*threads)"
                )
            left = None if deadline == NEVER else max(0.0, deadline - monotonic())
            thread.join(left)
            return bool(done)
    return bool(done)


def iwait(
    objects: Iterable[GreenThread], timeout: float | None = None, count: int | None = None
) -> Iterator[GreenThread]:
    """Yield green threads as they finish.

    Args:
        objects: what ``spawn`` returned.
        timeout: in seconds, for all together; the iteration just ends when it is over.
        count: end after so many.

    On cancellation of the caller the threads run on.
    """
    return _finished_in_order(objects, timeout, count)


def wait(
    objects: Iterable[GreenThread], timeout: float | None = None, count: int | None = None
) -> list[GreenThread]:
    """Wait for *objects*; returns those that have finished, in that order. See :func:`iwait`."""
    return list(_finished_in_order(objects, timeout, count))


def joinall(
    threads: Iterable[GreenThread],
    timeout: float | None = None,
    raise_error: bool = False,
    count: int | None = None,
) -> list[GreenThread]:
    """Wait until all *threads* have finished (or *count* of them, or *timeout* seconds are over).

    Args:
        raise_error: raise the error of the first that failed, at once.

    Returns:
        Those that have finished, in that order.
    """
    threads = list(threads)
    if timeout is None and count is None and not raise_error:
        # The common case, with one link and no bookkeeping for each.
        for thread in threads:
            thread.join()
        return threads
    done = []
    for thread in _finished_in_order(threads, timeout, count):
        if raise_error:
            thread.get()
        done.append(thread)
    return done


def killall(
    threads: Iterable[GreenThread],
    exception: BaseException | type[BaseException] = GreenExit,
    block: bool = True,
    timeout: float | None = None,
) -> None:
    """Kill all *threads*; with *block*, wait at most *timeout* seconds until they have ended."""
    check_seconds(timeout)
    threads = list(threads)
    for thread in threads:
        thread.kill(exception, block=False)
    if block and current_owner() is not None:
        _ = joinall(threads, timeout, count=len(threads))


class Group:
    """A set of green threads: a thread is in it from ``spawn`` until it has finished."""

    def __init__(self, threads: Iterable[GreenThread] = ()) -> None:
        self._threads: dict[GreenThread, None] = {}
        for thread in threads:
            self.add(thread)

    def __len__(self) -> int:
        return len(self._threads)

    def __contains__(self, thread: object) -> bool:
        return thread in self._threads

    def __iter__(self) -> Iterator[GreenThread]:
        return iter(list(self._threads))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} at {id(self):#x}>"

    def add(self, thread: GreenThread) -> None:
        """Take *thread* in; it leaves when it finishes."""
        if not thread.ready():
            self._threads[thread] = None
            thread._add_link(self, lambda: self.discard(thread))

    def discard(self, thread: GreenThread) -> None:
        """Take *thread* out of the group, without stopping it."""
        if self._threads.pop(thread, self) is None:
            thread._remove_link(self)

    def spawn(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> GreenThread:
        """Start ``fn(*args, **kwargs)`` in the group."""
        thread = spawn(fn, *args, **kwargs)
        self.add(thread)
        return thread

    def join(self, timeout: float | None = None, raise_error: bool = False) -> bool:
        """Wait until the group is empty; False if *timeout* seconds were not enough."""
        check_seconds(timeout)
        deadline = NEVER if timeout is None else monotonic() + timeout
        while self._threads:
            left = None if timeout is None else max(0.0, deadline - monotonic())
            joinall(list(self._threads), left, raise_error, count=len(self._threads))
            if timeout is not None and monotonic() >= deadline:
                break
        return not self._threads

    def kill(
        self,
        exception: BaseException | type[BaseException] = GreenExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Kill everything in the group."""
        killall(list(self._threads), exception, block, timeout)

    def apply(self, fn: Callable[..., Any], args: Iterable[Any] = (), kwargs: Any = None) -> Any:
        """Run ``fn(*args, **kwargs)`` in the group and return its result."""
        return self.spawn(fn, *args, **(kwargs or {})).get()

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> list[Any]:
        """As the built-in ``map``, concurrently; the list of results, in order.

        Raises:
            Exception: the error of the first argument, in order, that failed.
        """
        return list(self.imap(fn, *iterables))

    def imap(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
        """As :meth:`map`, but yields results as soon as they and all before them are there."""
        threads: deque[GreenThread] = deque()
        try:
            for args in zip(*iterables, strict=False):
                threads.append(self.spawn(fn, *args))
                while threads and threads[0].ready():
                    yield threads.popleft().get()
            while threads:
                yield threads.popleft().get()
        finally:
            killall(threads, block=False)

    def imap_unordered(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
        """As :meth:`imap`, but in the order in which they finish."""
        done: deque[GreenThread] = deque()
        running: set[GreenThread] = set()
        key = object()

        def start(args: tuple[Any, ...]) -> None:
            thread = self.spawn(fn, *args)
            running.add(thread)
            thread._add_link(key, lambda: done.append(thread))

        def take() -> Any:
            thread = done.popleft()
            running.discard(thread)
            return thread.get()

        try:
            for args in zip(*iterables, strict=False):
                start(args)
                while done:
                    yield take()
            while running:
                if not done:
                    wait(running, count=1)
                while done:
                    yield take()
        finally:
            killall(running, block=False)


@final
class Pool(Group):
    """A group of at most *size* green threads; ``spawn`` waits until there is room.

    Args:
        size: how many may run at once; None means any number.

    Raises:
        ValueError: if *size* is less than 1.
    """

    def __init__(self, size: int | None = None) -> None:
        if size is not None and size < 1:
            raise ValueError(f"a Pool needs room for at least one thread, not {size!r}")
        super().__init__()
        self.size = size
        self._reserved = 0  # places handed to a waiting spawn that has not begun yet
        self._waiting: deque[Any] = deque()

    def free_count(self) -> int:
        """How many more could be started without waiting (1 if the size is not limited)."""
        if self.size is None:
            return 1
        return max(0, self.size - len(self) - self._reserved)

    def full(self) -> bool:
        """Whether ``spawn`` would have to wait."""
        return self.free_count() == 0

    def spawn(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> GreenThread:
        """Start ``fn(*args, **kwargs)``, as soon as there is room.

        First come, first served. On cancellation of the caller nothing is started, and its place
        in the queue goes to the next.
        """
        if self.full() or self._waiting:
            self._wait_for_room()
        return super().spawn(fn, *args, **kwargs)

    def wait_available(self) -> None:
        """Wait until there is room; whoever calls ``spawn`` next may be faster.

        First come, first served, among ``spawn`` as well. On cancellation nothing changes.
        """
        if self.full() or self._waiting:
            self._wait_for_room()
            self._pass_on()

    def discard(self, thread: GreenThread) -> None:
        """Take *thread* out, which makes room for the next."""
        super().discard(thread)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting and self.free_count():
            self._reserved += 1
            if not self._waiting.popleft().wake():
                self._reserved -= 1

    def _wait_for_room(self) -> None:
        owner = current_owner()
        if owner is None:
            raise BlockingSwitchError(
                f"{self!r} is full, and spawn() was called where nothing can wait for room. "
                "Call it in green code, or look at pool.full() first"
            )
        waiter = make_waiter(owner)
        self._waiting.append(waiter)
        try:
            waiter.park()
        except BaseException:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.state == 1:  # WOKEN: the place was ours
                self._reserved -= 1
                self._pass_on()
            raise
        self._reserved -= 1
