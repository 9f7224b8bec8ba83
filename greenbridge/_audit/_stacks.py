"""Stacks of another OS thread, and what several of them have in common."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from types import CodeType, FrameType

#: What calls the functions of green threads.
CARRIER: Final = "greenbridge._carriers"
_DEPTH_MAX: Final = 300  # frames looked at: a guess, deep recursion is cut
_STACKS_MAX: Final = 50  # different ones kept of one hold: a guess
_OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
#: Frames that call what a loop or a hub has to run: whoever is below them has nothing to do with
#: the hold. By module; an empty set is all functions.
_BOUNDARIES: Final[dict[str, frozenset[str]]] = {
    "asyncio.base_events": frozenset({"_run_once", "run_forever", "run_until_complete"}),
    "asyncio.events": frozenset({"_run"}),
    "asyncio.runners": frozenset({"run"}),
    "uvloop": frozenset(),
    **{
        f"greenbridge.{name}": frozenset()
        for name in ("_calls", "_carriers", "_hub", "_program", "_runner", "_tasks")
    },
    "greenbridge._cli.run": frozenset(),
}


@final
@dataclass(frozen=True, slots=True)
class Place:
    """One entry of a stack."""

    file: str
    line: int
    function: str
    module: str = ""

    @property
    def kind(self) -> str:
        """Whose code it is: ``program``, ``library``, ``stdlib`` or ``greenbridge``."""
        if self.file.startswith(_OURS):
            return "greenbridge"
        if any(folder in self.file for folder in _PACKAGES):
            return "library"
        if self.file.startswith((_STDLIB, "<frozen ")):
            return "stdlib"
        return "program"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


def _is_boundary(frame: FrameType) -> bool:
    functions = _BOUNDARIES.get(frame.f_globals.get("__name__", ""))
    return functions is not None and (not functions or frame.f_code.co_name in functions)


def _place(code: CodeType, line: int | None, module: str) -> Place:
    name = getattr(code, "co_qualname", code.co_name)  # Python 3.11
    return Place(code.co_filename, line or code.co_firstlineno, name, module)


@final
class Stack:
    """One sample: the frames above whatever the loop or the hub has called, innermost first."""

    __slots__ = ("calls", "count", "frames", "lastis", "places", "turn")

    def __init__(self, frame: FrameType, turn: object = None) -> None:
        self.turn = turn  # another one: other green code has run in between
        self.calls: Any = None  # what was called in it, once that has been looked up
        self.count = 1  # samples that found it at the very same instruction
        self.frames = _frames(frame)
        self.lastis = [f.f_lasti for f in self.frames]
        self.places = [_place(f.f_code, f.f_lineno, _module(f)) for f in self.frames]

    def is_same(self, other: Stack) -> bool:
        return self.frames[:1] == other.frames[:1] and self.lastis[:1] == other.lastis[:1]

    def shared(self, other: Stack) -> int:
        """How many frames, from the outermost on, are in both."""
        number = 0
        for mine, its in zip(reversed(self.frames), reversed(other.frames), strict=False):
            if mine is not its:
                break
            number += 1
        return number


@final
class Trail:
    """What a loop's OS thread was seen doing while its loop stood still.

    It holds frames, and with them their locals. So it must be dropped in the thread that they
    belong to: put it into the watch's ``trash``.
    """

    __slots__ = ("common", "count", "stacks", "who")

    def __init__(self, stack: Stack, who: str) -> None:
        self.who = who
        self.count = 1
        self.stacks = [stack]
        self.common = len(stack.frames)  # so many of the outermost frames are in all of them

    def add(self, stack: Stack) -> bool:
        """One more sample; False if it has nothing to do with the ones before."""
        common = min(self.common, self.stacks[0].shared(stack))
        if not common or stack.turn != self.stacks[0].turn:
            return False
        self.common = common
        self.count += 1
        for known in self.stacks:
            if known.is_same(stack):
                known.count += 1
                return True
        if len(self.stacks) < _STACKS_MAX:
            self.stacks.append(stack)
        return True

    def often(self) -> Stack:
        """The stack that was seen most."""
        return max(self.stacks, key=lambda stack: stack.count)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _frames(frame: FrameType) -> list[FrameType]:
    found: list[FrameType] = []
    at: FrameType | None = frame
    while at is not None and len(found) < _DEPTH_MAX and not _is_boundary(at):
        found.append(at)
        at = at.f_back
    if not found and _module(frame) == CARRIER:
        found.append(frame)  # the green thread is a call of a function in C, and nothing else
    return found


def who_runs(loop: asyncio.AbstractEventLoop, hub: Any) -> str:
    """What code runs in the OS thread of *loop* now; called in another thread."""
    if hub is not None:
        for thread in list(hub.threads):
            carrier = getattr(thread, "greenlet", None)
            # A greenlet that waits has a frame, one that runs has not.
            if carrier and carrier.gr_frame is None:
                return f"green thread {thread.name!r}"
    try:
        task = asyncio.current_task(loop)
    except RuntimeError:
        task = None
    if task is not None:
        return f"task {task.get_name()!r} ({getattr(task.get_coro(), '__qualname__', '?')})"
    if hub is not None and hub.owned and hub.greenlet.gr_frame is not None:
        return "the main program"
    return "a callback of the event loop"
