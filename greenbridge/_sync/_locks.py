"""Lock and RLock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._carriers import Carrier
from .._threadstate import NESTED, get_running_loop
from .._timers import NEVER
from ._tickets import (
    CoroutineTicket,
    check_lock_arguments,
    deadline_after,
    give,
    new_ticket,
    park,
    park_async,
    whoami,
)

if TYPE_CHECKING:
    from types import TracebackType

    from ._tickets import Line

_FREE: Final = None


def _deadline(blocking: bool, timeout: float) -> float:
    check_lock_arguments(blocking, timeout)
    return NEVER if timeout == -1 else deadline_after(timeout)


class Lock:
    """``threading.Lock`` for green threads, green tasks, coroutines and native threads at once.

    Whoever has waited longest gets it. Any thread may release it, as in the stdlib. A coroutine
    writes ``async with lock:`` or ``await lock.acquire_async()``.
    """

    __module__ = "greenbridge"

    __slots__ = ("__weakref__", "_free", "_holder", "_line")

    def __init__(self) -> None:
        self._free: list[None] = [_FREE]  # empty while it is held
        self._line: Line = []
        self._holder: Any = None  # who has it, as far as known; only to refuse endless waits

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; False if that was not possible at once or in time.

        Args:
            blocking: False does not wait, and never lets others run.
            timeout: in seconds; -1 waits without limit.

        Raises:
            ValueError, OverflowError: for a timeout that ``threading.Lock`` refuses.
            BlockingSwitchError: in a bare loop callback, if the wait could never end.

        On cancellation it is not taken.
        """
        if timeout == -1:
            try:
                self._free.pop()
            except IndexError:
                if not blocking:
                    return False
            else:
                self._holder = getcurrent()
                return True
        return self._acquire(_deadline(blocking, timeout), blocking)

    def _acquire(self, deadline: float, blocking: bool) -> bool:
        if not self._free or self._line:
            if not blocking:
                return False
            ticket = new_ticket(deadline, self, self._holder)
            self._line.append(ticket)
            self._settle()
            if not park(self._line, ticket, self.release):
                return False
        else:
            try:
                self._free.pop()
            except IndexError:  # another OS thread was faster
                return self._acquire(deadline, blocking)
        self._holder = getcurrent()
        return True

    async def acquire_async(self, timeout: float = -1) -> bool:
        """:meth:`acquire` in a coroutine; False after *timeout* seconds."""
        deadline = _deadline(True, timeout)
        try:
            self._free.pop()
        except IndexError:
            ticket = CoroutineTicket()
            self._line.append(ticket)
            self._settle()
            if not await park_async(self._line, ticket, deadline, self.release):
                return False
        self._holder = whoami(getcurrent())
        return True

    def release(self) -> None:
        """Give it back, or to whoever has waited longest. Never lets others run.

        Raises:
            RuntimeError: if nobody has it.
        """
        if self._free:
            raise RuntimeError("release unlocked lock")
        self._holder = None
        if self._line and give(self._line):
            return
        self._free.append(_FREE)
        if self._line:
            self._settle()

    def _settle(self) -> None:
        """Hand it to whoever waits, if it is free."""
        while self._line:
            try:
                self._free.pop()
            except IndexError:
                return  # who has it looks at the line when it gives it back
            if give(self._line):
                return
            self._free.append(_FREE)

    def locked(self) -> bool:
        """Whether somebody has it."""
        return not self._free

    def __enter__(self) -> bool:
        try:
            self._free.pop()
        except IndexError:
            return self._acquire(NEVER, True)
        self._holder = getcurrent()
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._free or self._line:
            self.release()
            return
        self._holder = None  # release(), written out
        self._free.append(_FREE)
        if self._line:
            self._settle()

    async def __aenter__(self) -> bool:
        return await self.acquire_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        state = "unlocked" if self._free else "locked"
        return f"<{state} greenbridge.{type(self).__name__} object at {id(self):#x}>"

    def _at_fork_reinit(self) -> None:
        self._line.clear()
        self._holder = None
        self._free[:] = [_FREE]

    # The names of _thread.lock.
    acquire_lock = acquire
    release_lock = release
    locked_lock = locked


class RLock:
    """``threading.RLock``: its owner may take it again. Owned per green thread, Task, OS thread.

    Whoever has waited longest gets it. In a Task, green or not, sync code and coroutines of that
    Task are the same owner, so ``async with rlock:`` may call code that does ``with rlock:``.
    """

    __module__ = "greenbridge"

    __slots__ = ("__weakref__", "_held", "_line")

    def __init__(self) -> None:
        # Empty while it is free; else its only value is [owner, how often]. A list of its own for
        # each time that it is taken: setdefault() takes it and says so in one step, so that a
        # signal handler finds either a free lock or one of its own.
        self._held: dict[int, list[Any]] = {}
        self._line: Line = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, once more if the caller has it; False if not possible at once or in time.

        Arguments, errors and cancellation are those of :meth:`Lock.acquire`.
        """
        me: Any = getcurrent()
        if (type(me) is not Carrier or NESTED) and (get_running_loop() is not None or me.parent):
            me = whoami(me)
        if timeout == -1:
            mark = [me, 1]
            found = self._held.setdefault(0, mark)
            if found is mark:
                return True
            if found[0] is me:
                found[1] += 1
                return True
            if not blocking:
                return False
        return self._acquire(me, _deadline(blocking, timeout), blocking)

    __enter__ = acquire

    def _acquire(self, me: Any, deadline: float, blocking: bool) -> bool:
        found = self._try(me)
        if found is None:
            return True
        if not blocking:
            return False
        ticket = new_ticket(deadline, self, found[0])
        self._line.append(ticket)
        self._settle()
        if not park(self._line, ticket, self._pass_on):
            return False
        self._held[0] = [me, 1]
        return True

    def _try(self, me: Any) -> list[Any] | None:
        """Take it if that needs no wait; else who has it."""
        mark = [me, 1]
        found = self._held.setdefault(0, mark)
        if found is mark:
            return None
        if found[0] is me:
            found[1] += 1
            return None
        return found

    async def acquire_async(self, timeout: float = -1) -> bool:
        """:meth:`acquire` in a coroutine; False after *timeout* seconds."""
        deadline = _deadline(True, timeout)
        me = whoami(getcurrent())
        if self._try(me) is None:
            return True
        ticket = CoroutineTicket()
        self._line.append(ticket)
        self._settle()
        if not await park_async(self._line, ticket, deadline, self._pass_on):
            return False
        self._held[0] = [me, 1]
        return True

    def release(self) -> None:
        """Undo one :meth:`acquire`; after the last one whoever has waited longest gets it.

        Raises:
            RuntimeError: if the caller does not have it.
        """
        me: Any = getcurrent()
        if (type(me) is not Carrier or NESTED) and (get_running_loop() is not None or me.parent):
            me = whoami(me)
        held = self._held
        found = held.get(0)
        if found is None or found[0] is not me:
            raise RuntimeError("cannot release un-acquired lock")
        if found[1] > 1:
            found[1] -= 1
        elif self._line:
            self._pass_on()
        else:
            del held[0]
            if self._line:
                self._settle()

    def _pass_on(self) -> None:
        """Hand it to whoever waits, or free it. The caller holds it, or was given it just now."""
        self._held[0] = [self, 1]  # on its way
        if not give(self._line):
            del self._held[0]
            self._settle()

    def _settle(self) -> None:
        while self._line:
            mark = [self, 1]
            if self._held.setdefault(0, mark) is not mark:
                return  # who has it looks at the line when it gives it back
            if give(self._line):
                return
            del self._held[0]

    def locked(self) -> bool:
        """Whether somebody has it."""
        return bool(self._held)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    async def __aenter__(self) -> bool:
        return await self.acquire_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        found = self._held.get(0)
        state = "unlocked" if found is None else "locked"
        owner, count = (None, 0) if found is None else found
        return (
            f"<{state} greenbridge.{type(self).__name__} object owner={_name(owner)} "
            f"count={count} at {id(self):#x}>"
        )

    # What threading.Condition and the threading module ask of an RLock.

    def _is_owned(self) -> bool:
        found = self._held.get(0)
        return found is not None and found[0] is whoami(getcurrent())

    def _recursion_count(self) -> int:
        found = self._held.get(0)
        return 0 if found is None or found[0] is not whoami(getcurrent()) else found[1]

    def _release_save(self) -> tuple[int, Any]:
        count = self._recursion_count()
        if not count:
            raise RuntimeError("cannot release un-acquired lock")
        me = self._held[0][0]
        self._held[0][1] = 1
        self.release()
        return count, me

    def _acquire_restore(self, state: tuple[int, Any]) -> None:
        self.acquire()
        self._restore(state)

    def _restore(self, state: tuple[int, Any]) -> None:
        self._held[0][1] = state[0]

    def _at_fork_reinit(self) -> None:
        self._line.clear()
        self._held.clear()


def _name(owner: Any) -> str:
    if owner is None:
        return "None"
    thread = getattr(owner, "thread", None)  # a carrier says which green thread runs in it
    return repr(getattr(thread or owner, "name", None) or owner)


__all__ = ("Lock", "RLock")
