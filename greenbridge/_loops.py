"""Which event loop a hub makes when it has to make one: uvloop where it exists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ._errors import GreenbridgeError

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

#: The names that ``--loop`` takes.
LOOP_NAMES: Final = ("uvloop", "asyncio")

_factory: LoopFactory | None = None

#: Called with each loop that patched code begins to run and that is not nested in a hub's.
on_begin: Final[list[Callable[[asyncio.AbstractEventLoop], object]]] = []


def _uvloop() -> LoopFactory | None:
    try:
        import uvloop
    except ImportError:  # Windows, PyPy, a Python newer than the last uvloop
        return None
    return uvloop.new_event_loop


def factory_named(name: str) -> LoopFactory:
    """The loop factory called *name*, ``"uvloop"`` or ``"asyncio"``.

    Raises:
        GreenbridgeError: if the name is unknown, or uvloop is not installed.
    """
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    if name == "uvloop":
        factory = _uvloop()
        if factory is None:
            raise GreenbridgeError(
                "uvloop is not installed here (it does not exist for every platform). "
                "Write --loop asyncio, or: pip install uvloop"
            )
        return factory
    raise GreenbridgeError(
        f"there is no loop called {name!r}; write one of {', '.join(LOOP_NAMES)}"
    )


def set_loop_factory(factory: LoopFactory | None) -> None:
    """Set what hubs that start themselves use; ``None`` restores uvloop, else asyncio."""
    global _factory
    _factory = factory


def new_raw_loop() -> asyncio.AbstractEventLoop:
    """A new event loop, not installed and not running."""
    if _factory is not None:
        return _factory()
    # Not asyncio.new_event_loop(): on 3.10-3.13 that asks the policy, which the program may have
    # pointed at a factory of ours.
    return (_uvloop() or asyncio.SelectorEventLoop)()


def maker(thing: object) -> str:
    """The package that a loop factory, or a class of loops, comes from."""
    return str(getattr(thing, "__module__", "")).partition(".")[0]


def maker_of_loops() -> str:
    """The package that hubs which start themselves have their loops from."""
    return maker(_factory or _uvloop() or asyncio.SelectorEventLoop)
