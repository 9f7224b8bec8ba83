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
from ._vain import in_vain

if TYPE_CHECKING:
    from types import TracebackType

    from ._tickets import Line

_FREE: Final = None


class Lock(Permits):
    """``threading.Lock`` for green threads, green tasks, coroutines and native threads at once.

    Whoever has waited longest gets it. Any thread may release it, as in the stdlib. A coroutine
    writes ``async with lock:`` or ``await lock.acquire_async()``.
    """

    __module__ = "greenbridge"

    __slots__ = ("__weakref__", "_free", "_holder", "_line")

    def __init_subclass__(cls) -> None:
        raise TypeError(
            "type 'Lock' is not an acceptable base type, as in the stdlib: it is handed over from "
            "thread to thread in one step that a subclass cannot follow. Keep one in an attribute"
        )

    def __init__(self) -> None:
        self._free: list[None] = [_FREE]  # empty while it is held
        self._line: Line = []
        self._holder: Any = None  # who has it, as far as known; only to refuse endless waits

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; False if that was not possible at once or in time.

        Args:
            blocking: False does not wait; in a green thread that has asked in vain for
                milliseconds, others run.
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
        if not blocking:
            in_vain()
        elif self._stand(deadline, self._holder):
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

    __slots__ = ("__weakref__", "_held", "_line", "_more")

    _free = True  # that is for _settle to find out

    def __init__(self) -> None:
        # Empty while it is free; else its only value is the owner. setdefault() takes it and says
        # whose it is in one step, so that a signal handler finds either a free lock or one of its
        # own. (One that interrupts the step before gives back what it takes.)
        self._held: dict[int, Any] = {}
        self._more = 0  # how often the owner has taken it once more
        self._line: Line = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, once more if the caller has it; False if not possible at once or in time.

        Arguments, errors and cancellation are those of :meth:`Lock.acquire`.
        """
        me: Any = getcurrent()
        if (type(me) is not Carrier or NESTED) and (get_running_loop() is not None or me.parent):
            me = whoami(me)
        if timeout != -1:
            lock_deadline(blocking, timeout)  # refuses what is no timeout
        held = self._held
        if not held and held.setdefault(0, me) is me:
            return True
        return self._acquire(me, blocking, timeout)

    __enter__ = acquire

    def _acquire(self, me: Any, blocking: bool, timeout: float) -> bool:
        """Take it for *me* where it was not free."""
        deadline = lock_deadline(blocking, timeout)
        if self._try(me):
            return True
        if blocking:
            return self._wait(me, deadline)
        in_vain()
        return False

    def _try(self, me: Any) -> bool:
        """Take it, if that needs no wait."""
        held = self._held
        if held:
            if held.get(0) is me:
                self._more += 1
                return True
        elif held.setdefault(0, me) is me:
            return True
        return False

    def _wait(self, me: Any, deadline: float) -> bool:
        if not self._stand(deadline, self._held.get(0)):
            return False
        self._held[0] = me
        return True

    async def acquire_async(self, timeout: float = -1) -> bool:
        """:meth:`acquire` in a coroutine; False after *timeout* seconds."""
        deadline = lock_deadline(True, timeout)
        me = whoami(getcurrent())
        if self._try(me):
            return True
        if not await self._stand_async(deadline):
            return False
        self._held[0] = me
        return True

    def release(self) -> None:
        """Undo one :meth:`acquire`; after the last one whoever has waited longest gets it.

        Raises:
            RuntimeError: if the caller does not have it.
        """
        try:
            mine = self._held[0] is getcurrent()
        except KeyError:
            mine = False
        if not mine and not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        if self._more:
            self._more -= 1
        elif self._line:
            self._pass_on()
        else:
            del self._held[0]
            if self._line:
                self._settle()

    def _pass_on(self) -> None:
        """Hand it to whoever waits, or free it. The caller holds it, or was given it just now."""
        self._held[0] = self  # on its way
        if not give(self._line):
            del self._held[0]
            self._settle()

    def _settle(self) -> None:
        held = self._held
        while self._line:
            mark = object()  # as long as nobody has it
            if held.setdefault(0, mark) is not mark:
                return  # who has it looks at the line when it gives it back
            if give(self._line):
                return
            del held[0]

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
        owner = self._held.get(0)
        state = "unlocked" if owner is None else "locked"
        count = 0 if owner is None else 1 + self._more
        return (
            f"<{state} greenbridge.{type(self).__name__} object owner={_name(owner)} "
            f"count={count} at {id(self):#x}>"
        )

    # What threading.Condition and the threading module ask of an RLock.

    def _is_owned(self) -> bool:
        return self._held.get(0) is whoami(getcurrent())

    def _recursion_count(self) -> int:
        return 1 + self._more if self._is_owned() else 0

    def _release_save(self) -> tuple[int, Any]:
        count = self._recursion_count()
        if not count:
            raise RuntimeError("cannot release un-acquired lock")
        owner = self._held[0]
        self._more = 0
        self.release()
        return count, owner

    def _acquire_restore(self, state: tuple[int, Any]) -> None:
        self.acquire()
        self._restore(state)

    def _restore(self, state: tuple[int, Any]) -> None:
        self._more = state[0] - 1

    def _at_fork_reinit(self) -> None:
        self._line.clear()
        self._held.clear()
        self._more = 0


def _name(owner: Any) -> str:
    if owner is None:
        return "None"
    thread = getattr(owner, "thread", None)  # a carrier says which green thread runs in it
    return repr(getattr(thread or owner, "name", None) or owner)


__all__ = ("Lock", "RLock")
