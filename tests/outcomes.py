"""What a call came to, to compare two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def came_to(call: Callable[[], Any]) -> tuple[type, Any]:
    try:
        value = call()
    except Exception as error:
        return type(error), str(error)
    return type(value), value
