"""Code that the interpreter runs in the middle of other code: there nothing can park.

The garbage collector calls destructors and weakref callbacks, and signals call their
handlers, between any two instructions: perhaps of the hub, or of a green thread that is
about to park. Whatever they interrupt must not lose the CPU at that point: it may be
half-way through the ready queue, and while a collection runs there is no other one in the
whole process. So they are what a callback of the loop is (rule 2): a wait calls the
original, and one that could then never end is an error.

A destructor that runs because the last reference went away is like a call by the code that
dropped it, and may park.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final, NoReturn

from greenlet import getcurrent

from ._carriers import Carrier
from ._delivery import ITSELF, Interrupt
from ._errors import BlockingSwitchError
from ._hub import _local, on_attach, on_self_start
from ._originals import get_ident

if TYPE_CHECKING:
    from types import TracebackType

    from ._hub import Hub

__all__ = ("AMID", "Amid", "place")

#: OS threads in which such code runs, and what it is.
AMID: Final[dict[int, str]] = {}


def place() -> str:
    """What the code that runs now is, to say why it cannot wait."""
    return AMID.get(get_ident(), "code that the event loop runs directly")


class _Held(Interrupt):
    """Makes every short cut to a wait take the long way, by ``current_owner``."""

    __slots__ = ()

    def __init__(self) -> None:
        Interrupt.__init__(self, None, ITSELF)  # type: ignore[arg-type]  # there is nothing to raise

    def refuse(self) -> NoReturn:
        raise BlockingSwitchError(
            f"{place()} had to wait. Code that it has interrupted would be left half-way, so it "
            "cannot be parked. Leave the wait to a green thread: spawn(work)"
        )


class Amid:
    """A block of such code: ``with Amid("a signal handler"):``."""

    __slots__ = ("_before", "_held", "_note", "_what")

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        ident = get_ident()
        self._before = AMID.get(ident)
        AMID[ident] = self._what
        own: Any = getcurrent()
        self._held = None
        if type(own) is Carrier and own.thread.pending is None:
            self._held = own.thread
            self._note = self._held.pending = _Held()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is None:
            AMID.pop(get_ident(), None)
        else:
            AMID[get_ident()] = self._before
        held = self._held
        if held is not None and held.pending is self._note:
            held.pending = self._note.rest


_collecting: dict[int, Amid] = {}


def _on_collection(phase: str, _info: dict[str, int]) -> None:
    if phase == "start":
        hub = _local.hub
        if hub is not None and not hub.closed:
            amid = _collecting[get_ident()] = Amid("a destructor that the garbage collector runs")
            amid.__enter__()
    elif _collecting:
        started = _collecting.pop(get_ident(), None)
        if started is not None:
            started.__exit__(None, None, None)


def _watch_collections(_hub: Hub) -> None:
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


on_self_start.append(_watch_collections)
on_attach.append(_watch_collections)
