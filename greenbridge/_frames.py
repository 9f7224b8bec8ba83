"""Whose frames a parked greenlet has: what asyncio's tools are shown of it.

A green Task's coroutine is *running* while sync code in it waits, so its own frame says
only where that code was called. The greenlet that waits has the rest, under the frames of
greenbridge that the wait goes through, which say nothing to who looks for a hang.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from types import CodeType, FrameType

#: Functions below which a coroutine is suspended, in their variable ``it``: it waits, though it is
#: not in the stack.
STEPS_COROUTINES: Final[set[CodeType]] = set()

#: Where files of greenbridge are; the separator keeps folders with a longer name out.
_OURS: Final = __file__[: -len("_frames.py")]


def innermost(frame: FrameType | None) -> FrameType | None:
    """The frame that called greenbridge, at or below *frame* in the stack; None if there is none.

    Its ``f_back`` leads through all of the callers.
    """
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def outermost(frame: FrameType | None) -> FrameType | None:
    """The frame that greenbridge called first in the stack of *frame*; None if there is none."""
    found = None
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OURS):
            found = frame
        frame = frame.f_back
    return found


# -- asyncio's call graph, of 3.14 and later ---------------------------------------------------

#: What asks a coroutine for the frames of the graph, from the outermost on. Everything else that
#: asks for ``cr_frame`` (``Task.get_stack``) goes on from there by ``f_back``: the other way.
_GRAPH: Final[Any] = getattr(getattr(asyncio, "graph", None), "_build_graph_for_future", None)


@final
class Called:
    """A frame that waits somewhere below a coroutine: to asyncio's call graph, what that awaits."""

    __slots__ = ("cr_await", "cr_frame")

    def __init__(self, frame: FrameType, calls: Any) -> None:
        self.cr_frame = frame
        self.cr_await = calls


def calls_for_graph(frame: FrameType | None) -> Called | None:
    """The frames of the user's in the stack of *frame*, each as what the one before it awaits.

    From the outermost to the innermost, and on to the coroutine that this awaits by ``await_``.
    None if there are none, or if the property that calls this is not read for a call graph.
    """
    if _GRAPH is None or sys._getframe(2).f_code is not _GRAPH.__code__:
        return None
    calls: Any = None
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OURS):
            calls = Called(frame, calls)
        elif calls is None and frame.f_code in STEPS_COROUTINES:
            calls = frame.f_locals["it"]
        frame = frame.f_back
    return calls if isinstance(calls, Called) else None
