"""What a coroutine tells of itself, told by the object that stands for it.

Debuggers, ``Task.get_stack()`` and reprs ask a Task's coroutine for its name and its frames; they
are to see the user's. A ``__getattr__`` would do that in three lines, but a class that has one
finds *every* attribute the long way: a step of a green Task took 10 % more instructions for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Final

#: Of coroutines, and of generators that ``types.coroutine`` made. ``cr_frame``, ``cr_code`` and
#: ``cr_await`` are not here: they differ while sync code waits.
_ASKED_FOR: Final = (
    "cr_origin",
    "cr_running",
    "cr_suspended",
    "gi_code",
    "gi_frame",
    "gi_running",
    "gi_suspended",
    "gi_yieldfrom",
)


class Described:
    """Gives what is asked of ``_coro``, or raises its AttributeError."""

    # A class body cannot have properties of the first two names, but it can have slots.
    __slots__ = ("__name__", "__qualname__", "_coro")

    def __init__(self, coro: Any) -> None:
        self._coro = coro
        try:
            self.__qualname__ = coro.__qualname__
            self.__name__ = coro.__name__
        except AttributeError:
            pass  # an object of a class of its own may have no name, and so neither has this


def _of_coroutine(name: str) -> property:
    def get(self: Described) -> Any:
        return getattr(self._coro, name)

    return property(get, doc=f"The ``{name}`` of what this stands for.")


for _name in _ASKED_FOR:
    setattr(Described, _name, _of_coroutine(_name))
