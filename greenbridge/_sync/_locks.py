"""Lock and RLock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from .._carriers import Carrier
from .._threadstate import NESTED, get_running_loop
from .._timers import NEVER
from ._callers import whoami
from ._lines import Lined, Permits, lock_deadline
from ._tickets import give

if TYPE_CHECKING:
    from types import TracebackType

    from ._tickets import Line

_FREE: Final = None
_NOBODY: Final = (object(), 0)


class Lock(Permits):
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
        deadline = NEVER if timeout == -1 else lock_deadline(blocking, timeout)
        if self._free:
            try:
                self._free.pop()
            except IndexError:  # another OS thread was faster
                pass
            else:
                self._holder = getcurrent()
                return True
        if blocking and self._stand(deadline, self._holder):
            self._holder = getcurrent()
            return True
        return False

    async def acquire_async(self, timeout: float = -1) -> bool:
        """:meth:`acquire` in a coroutine; False after *timeout* seconds."""
        deadline = lock_deadline(True, timeout)
        if self._take() or await self._stand_async(deadline):
            self._holder = whoami(getcurrent())
            return True
        return False

    def release(self) -> None:
        """Give it back, or to whoever has waited longest. Never lets others run.

        Raises:
            RuntimeError: if nobody has it.
        """
        if self._free:
            raise RuntimeError("release unlocked lock")
        self._holder = None
        line = self._line  # _pass_on(), written out
        if line and give(line):
            return
        self._free.append(_FREE)
        if line:
            self._settle()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return not self._free

    __enter__ = acquire

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


class RLock(Lined):
    """``threading.RLock``: its owner may take it again. Owned per green thread, Task, OS thread.

    Whoever has waited longest gets it. In a Task, green or not, sync code and coroutines of that
    Task are the same owner, so ``async with rlock:`` may call code that does ``with rlock:``.
    """

    __module__ = "greenbridge"

    __slots__ = ("__weakref__", "_held", "_line")

    def __init__(self) -> None:
        # Empty while it is free; else its only value is (owner, how often), a new one each time
        # that it is taken: setdefault() takes it and says so in one step, so that a signal handler
        # finds either a free lock or one of its own.
        self._held: dict[int, tuple[Any, int]] = {}
        self._line: Line = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, once more if the caller has it; False if not possible at once or in time.

        Arguments, errors and cancellation are those of :meth:`Lock.acquire`.
        """
        me: Any = getcurrent()
        if (type(me) is not Carrier or NESTED) and (get_running_loop() is not None or me.parent):
            me = whoami(me)
        deadline = NEVER if timeout == -1 else lock_deadline(blocking, timeout)
        mark = (me, 1)
        found = self._held.setdefault(0, mark)
        if found is mark:
            return True
        if found[0] is me:
            self._held[0] = (me, found[1] + 1)
            return True
        return blocking and self._wait(me, deadline, found[0])

    __enter__ = acquire

    def _wait(self, me: Any, deadline: float, holder: Any) -> bool:
        if not self._stand(deadline, holder):
            return False
        self._held[0] = (me, 1)
        return True

    def _try(self, me: Any) -> Any:
        """Take it if that needs no wait; else who has it."""
        mark = (me, 1)
        found = self._held.setdefault(0, mark)
        if found is mark:
            return None
        if found[0] is me:
            self._held[0] = (me, found[1] + 1)
            return None
        return found[0]

    async def acquire_async(self, timeout: float = -1) -> bool:
        """:meth:`acquire` in a coroutine; False after *timeout* seconds."""
        deadline = lock_deadline(True, timeout)
        me = whoami(getcurrent())
        if self._try(me) is None:
            return True
        if not await self._stand_async(deadline):
            return False
        self._held[0] = (me, 1)
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
        try:
            found = held[0]
        except KeyError:
            found = _NOBODY
        if found[0] is not me:
            raise RuntimeError("cannot release un-acquired lock")
        if found[1] > 1:
            held[0] = (me, found[1] - 1)
        elif self._line:
            self._pass_on()
        else:
            del held[0]
            if self._line:
                self._settle()

    def _pass_on(self) -> None:
        """Hand it to whoever waits, or free it. The caller holds it, or was given it just now."""
        self._held[0] = (self, 1)  # on its way
        if not give(self._line):
            del self._held[0]
            self._settle()

    def _settle(self) -> None:
        while self._line:
            mark = (self, 1)
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

    def _mine(self) -> tuple[Any, int] | None:
        """Its (owner, how often), if that is the caller."""
        found = self._held.get(0)
        return found if found is not None and found[0] is whoami(getcurrent()) else None

    def _is_owned(self) -> bool:
        return self._mine() is not None

    def _recursion_count(self) -> int:
        found = self._mine()
        return 0 if found is None else found[1]

    def _release_save(self) -> tuple[int, Any]:
        found = self._mine()
        if found is None:
            raise RuntimeError("cannot release un-acquired lock")
        owner, count = found
        self._held[0] = (owner, 1)
        self.release()
        return count, owner

    def _acquire_restore(self, state: tuple[int, Any]) -> None:
        self.acquire()
        self._restore(state)

    def _restore(self, state: tuple[int, Any]) -> None:
        self._held[0] = (self._held[0][0], state[0])

    def _at_fork_reinit(self) -> None:
        self._line.clear()
        self._held.clear()


def _name(owner: Any) -> str:
    if owner is None:
        return "None"
    thread = getattr(owner, "thread", None)  # a carrier says which green thread runs in it
    return repr(getattr(thread or owner, "name", None) or owner)


__all__ = ("Lock", "RLock")
