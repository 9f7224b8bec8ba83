"""The stdlib's own Python functions, finding other names than those of their module.

So ``green.socket.create_connection`` is, on each Python, exactly the code of that
Python: it only makes green sockets.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def rebound(function: F, names: dict[str, Any]) -> F:
    """A copy of *function* that looks its globals up in *names*; a built-in one stays itself."""
    if not isinstance(function, types.FunctionType):
        return function
    code, closure = function.__code__, function.__closure__
    copy = types.FunctionType(code, names, function.__name__, function.__defaults__, closure)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__doc__ = function.__doc__
    copy.__annotations__ = function.__annotations__
    return copy  # type: ignore[return-value]  # it has the same signature
