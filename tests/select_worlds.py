"""What the tests of ``select`` share: a world's implementation, a pipe, files by their number."""

from __future__ import annotations

import os
import select as stdlib
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge.green import select as green

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .worlds import World

SHORT = 0.03  # seconds
LONG = 20.0


def implementation(world: World) -> Any:
    return stdlib if world.original else green


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            pass


def outcome(call: Any, *args: Any) -> tuple[str, str]:
    try:
        return "returned", repr(call(*args))
    except Exception as error:
        return type(error).__name__, str(error)


class File:
    def __init__(self, fd: Any) -> None:
        self.fd = fd

    def fileno(self) -> Any:
        return self.fd
