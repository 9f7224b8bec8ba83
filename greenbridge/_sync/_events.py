"""Event."""

from __future__ import annotations

import threading as _stdlib
from typing import TYPE_CHECKING

from .._timers import NEVER
from ._conditions import Condition
from ._lines import Lined, deadline_after
from ._locks import Lock
from ._tickets import give_all
from ._vain import in_vain

if TYPE_CHECKING:
    from ._tickets import Line


class Event(Lined, _stdlib.Event):
    """``threading.Event`` for green threads, green tasks, coroutines and native threads at once.

    ``set`` never waits and never lets others run, so signal handlers, finalizers and loop
    callbacks may call it.
    """

    __module__ = "greenbridge"

    def __init__(self) -> None:
        self._free: bool = False  # whether it is set
        self._line: Line = []

    def is_set(self) -> bool:
        """Whether it is set; who asks again and again until it is lets others run."""
        if self._free:
            return True
        in_vain()
        return False

    def set(self) -> None:
        """Set it and wake everybody who waits. They return True even if it is cleared at once."""
        self._free = True
        if self._line:
            give_all(self._line)

    def clear(self) -> None:
        """Unset it: who calls :meth:`wait` from now on waits."""
        self._free = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set: True, or False after *timeout* seconds (None: no limit).

        Raises:
            BlockingSwitchError: in a bare loop callback, if the wait could never end.

        On cancellation the wait ends, and nothing else is changed.
        """
        if self._free:
            return True
        return self._stand(NEVER if timeout is None else deadline_after(timeout))

    async def wait_async(self, timeout: float | None = None) -> bool:
        """:meth:`wait` in a coroutine."""
        return self._free or await self._stand_async(deadline_after(timeout))

    @property
    def _flag(self) -> bool:  # the stdlib's name for it
        return self._free

    def _settle(self) -> None:
        if self._free:
            give_all(self._line)

    def _pass_on(self) -> None:
        """An event that was missed: it is still set, or nobody had to see it."""

    def __repr__(self) -> str:
        cls = type(self)
        status = "set" if self._free else "unset"
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: {status}>"

    @property
    def _cond(self) -> Condition:
        # Code that looks into a threading.Event finds a condition here; nothing of ours needs it.
        made: Condition = self.__dict__.setdefault("_condition", Condition(Lock()))
        return made

    def _at_fork_reinit(self) -> None:
        self._line.clear()
        if "_condition" in self.__dict__:
            self._cond._at_fork_reinit()  # type: ignore[attr-defined]


__all__ = ("Event",)
