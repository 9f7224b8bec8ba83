"""Thousands of green threads at once: nothing adds up from one to the next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import greenbridge

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: More than Python's recursion limit, and more than its C stack has room for frames of.
MANY = 5 * sys.getrecursionlimit()


def test_threads_that_begin_in_one_round_do_not_nest(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    # Each parks in its first breath; the next must not begin on top of its stack.
    ended = 0

    def body() -> None:
        nonlocal ended
        greenbridge.sleep(0)
        ended += 1

    def main() -> None:
        greenbridge.joinall([greenbridge.spawn(body) for _ in range(MANY)], raise_error=True)

    greenbridge.run(main, loop_factory=loop_factory)
    assert ended == MANY


def test_thousands_of_parked_threads_are_unwound_at_the_end(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    unwound = 0

    def body() -> None:
        nonlocal unwound
        try:
            greenbridge.sleep(3600)
        finally:
            unwound += 1

    def main() -> None:
        for _ in range(MANY):
            greenbridge.spawn(body)
        greenbridge.sleep(0)

    greenbridge.run(main, loop_factory=loop_factory)
    assert unwound == MANY
