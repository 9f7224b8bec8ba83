"""``nest()``: ``asyncio.run`` in code that a running loop has called, as nest_asyncio has it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from ._patching import Applied, patch_all
from .green import _nesting

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ("Nested", "nest", "unnest")

# The tables and libraries that it takes. In them alone nothing else changes.
_NAMES: Final = ("asyncio.base_events", "asyncio.runners", "ipykernel", "uvloop")

_live: Final[list[Nested]] = []
_applied: Applied | None = None


@final
class Nested:
    """What one call of :func:`nest` has allowed. A context manager: leaving the block undoes it."""

    __slots__ = ("loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        #: The one loop that it is about; None is every loop.
        self.loop: asyncio.AbstractEventLoop | None = loop

    def undo(self) -> None:
        """Forbid it again. Calls that have begun go on; a second call does nothing.

        Raises:
            PatchConflictError: something patched asyncio afterwards; asyncio stays patched then.
        """
        global _applied
        if self not in _live:
            return
        _live.remove(self)
        _nesting.forbid(self.loop)
        if not _live and _applied is not None:
            applied, _applied = _applied, None
            applied.restore()

    def __enter__(self) -> Nested:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        where = "every loop" if self.loop is None else repr(self.loop)
        return f"<Nested {where}{'' if self in _live else ', undone'}>"


def nest(loop: asyncio.AbstractEventLoop | None = None) -> Nested:
    """Let sync code in a coroutine call ``asyncio.run`` and ``loop.run_until_complete``.

    A drop-in for ``nest_asyncio.apply()``, on any loop. The coroutine runs as another Task of the
    loop that runs, and the Task that called waits for it; all others go on. Cancellation and time
    limits of the caller reach it; a ``debug`` argument says nothing there.

    It makes Tasks green (see :func:`install`): those of the running loop that are made from now
    on, and those of loops that begin to run later. A Task that exists already, the one that calls
    ``nest()`` among them, cannot wait: ``asyncio.run`` in it runs a loop of its own while the
    running one stands still, ``run_until_complete`` on the running one raises NoPortalError.

    Args:
        loop: allow it for this loop only; None is for all.

    Raises:
        TypeError: *loop* is not an event loop.
        PatchConflictError: another library has patched asyncio.

    Returns a token: ``token.undo()`` or ``with nest():`` ends it, and :func:`unnest`.
    """
    global _applied
    if loop is not None and not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(f"nest() needs an asyncio event loop or None, not {loop!r}")
    if _applied is None:
        _applied = patch_all(only=_NAMES)
    token = Nested(loop)
    _nesting.allow(loop)
    _live.append(token)
    return token


def unnest(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Undo every :func:`nest` of this *loop*; None undoes those that were for all loops."""
    for token in _live[:]:
        if token.loop is loop:
            token.undo()
