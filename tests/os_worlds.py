"""The `os` module of each world of tests/worlds.py, with pipes that are closed after the test."""

from __future__ import annotations

import os as stdlib
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge.green import os as green_os
from tests.worlds import world as world  # a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World

#: More than any pipe holds that nobody has made larger.
BIG = stdlib.urandom(300_000)


class OsWorld:
    """A world and its `os`; stand-ins where there are some, the stdlib for the rest."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fds: list[int] = []
        self.green = world.green
        self.original = world.original
        self.run = world.run
        self.start = world.start
        self.pause = world.pause

    def __getattr__(self, name: str) -> Any:
        if self._world.original:
            return getattr(stdlib, name)
        return getattr(green_os, name, None) or getattr(stdlib, name)

    def pipe(self) -> tuple[int, int]:
        ends = stdlib.pipe()
        self._fds += ends
        return ends

    def keep(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def clean(self) -> None:
        for fd in self._fds:
            try:
                green_os.close(fd)
            except OSError:  # the test has
                pass


@pytest.fixture
def box(world: World) -> Iterator[OsWorld]:
    made = OsWorld(world)
    yield made
    made.clean()
