"""The error of a green thread that nobody asked for: reported once, with both stacks."""

from __future__ import annotations

import logging
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType

    from ._threads import GreenThread

# Frames kept of the place where a thread was spawned: enough to find it, cheap enough to keep.
_SPAWN_FRAMES: Final = 3


class Unretrieved:
    """Reports the error of a green thread when its handle is gone and nobody has looked."""

    __slots__ = ("done", "error", "loop", "name", "spawned")

    def __init__(self, thread: GreenThread, error: BaseException) -> None:
        self.done = hasattr(thread, "_report")
        self.error = error
        self.loop = thread.hub.loop
        self.name = thread.name
        self.spawned = thread.spawned

    def __del__(self) -> None:
        if self.done:
            return
        report = partial(_report, self.loop, self.name, self.error, self.spawned)
        # Not here: this may be the garbage collector's doing, in the middle of anything. (CPython
        # 3.11 formats a traceback with ast.parse, which breaks an ast.parse that is interrupted.)
        try:
            self.loop.call_soon_threadsafe(report)
        except RuntimeError:
            report()  # the loop is closed: better now than never


def _report(loop: Any, name: str, error: BaseException, spawned: tuple[Any, ...]) -> None:
    stack = spawn_stack(spawned)
    message = f"green thread {name!r} failed, and nobody asked for its result"
    if not loop.is_closed():
        loop.call_exception_handler(
            {"message": message, "exception": error, "source_traceback": stack}
        )
        return
    logging.getLogger("asyncio").error(
        "%s\nObject created at (most recent call last):\n%s",
        message,
        "".join(traceback.format_list(stack)).rstrip(),
        exc_info=error,
    )


def spawn_stack(frames: tuple[Any, ...]) -> list[traceback.FrameSummary]:
    """The stack that :func:`where` noted, oldest first, in the form of the traceback module."""
    stack = []
    for code, lasti in zip(frames[0::2], frames[1::2], strict=True):
        stack.append(traceback.FrameSummary(code.co_filename, _line(code, lasti), code.co_name))
    return stack[::-1]


def describe(threads: Iterable[GreenThread], without: str = " ") -> str:
    """Each thread in a line, with the stack where it was spawned; no frames of a file *without*."""
    said = []
    for thread in sorted(threads, key=lambda thread: thread.name):
        frames = [f for f in spawn_stack(thread.spawned) if not f.filename.startswith(without)]
        stack = "".join(traceback.format_list(frames))
        said.append(f"{thread!r}" + (f", spawned at\n{stack.rstrip()}" if stack else ""))
    return "\n".join(said)


def _line(code: CodeType, lasti: int) -> int:
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno


def call_of_ours(frame: FrameType | None) -> str:
    """Which function of greenbridge's other code has called, and where; *frame* is below it."""
    name = "a wait"
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] != __package__:
            return f"{name}() at {frame.f_code.co_filename}:{frame.f_lineno}"
        name = frame.f_code.co_name
        frame = frame.f_back
    return f"{name}()"


def where(frame: FrameType | None) -> tuple[Any, ...]:
    """Code objects and instruction offsets: finding the line is left to who needs it."""
    found: list[Any] = []
    while frame is not None and len(found) < 2 * _SPAWN_FRAMES:
        found.append(frame.f_code)
        found.append(frame.f_lasti)
        frame = frame.f_back
    return tuple(found)
