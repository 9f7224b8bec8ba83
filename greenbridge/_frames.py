"""Whose frames a parked greenlet has: what asyncio's tools are shown of it.

A green Task's coroutine is *running* while sync code in it waits, so its own frame says
only where that code was called. The greenlet that waits has the rest, under the frames of
greenbridge that the wait goes through, which say nothing to who looks for a hang.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

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
