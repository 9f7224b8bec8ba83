"""What ``sys.settrace`` and pdb see of code that waits greenly: the same as of code that blocks."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest

from greenbridge import await_, run, sleep, spawn

from .conftest import LOOPS
from .green import SHORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython


def traced() -> int:
    before = 1
    sleep(SHORT)
    after = before + 1
    return after + await_(asyncio.sleep(0, 1))


FIRST = traced.__code__.co_firstlineno


class Lines:
    """The lines of `traced` that are run, each time it is."""

    def __init__(self) -> None:
        self.seen: dict[Any, list[int]] = {}

    def __call__(self, frame: Any, event: str, arg: object) -> Any:
        if frame.f_code is not traced.__code__:
            return None
        if event == "line":
            self.seen.setdefault(frame, []).append(frame.f_lineno - FIRST)
        return self


def all_lines(body: Callable[[], Any]) -> list[list[int]]:
    lines = Lines()
    before = sys.gettrace()
    sys.settrace(lines)
    try:
        body()
    finally:
        sys.settrace(before)
    return list(lines.seen.values())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_trace_function_follows_tasks_and_threads_over_their_waits(loop: str) -> None:
    async def task() -> int:
        return traced()

    async def main() -> list[int]:
        import greenbridge

        greenbridge.install()
        return [*await asyncio.gather(task(), task()), await spawn(traced)]

    seen = all_lines(lambda: run(main, loop_factory=LOOPS[loop]))
    assert seen == [[1, 2, 3, 4]] * 3


PDB = """\
import asyncio, pdb, sys
import greenbridge.auto
import time

def waits(n):
    breakpoint()
    time.sleep(0.01)
    return n + 1

async def main():
    other = asyncio.create_task(asyncio.sleep(0.005, "other"))
    print("result", waits(1), await other)

asyncio.run(main())
"""


def test_pdb_steps_over_a_wait_in_a_green_task(fresh_python: FreshPython) -> None:
    done = fresh_python(PDB, input="until 8\np n\nwhere\ncontinue\n")
    assert "<string>(8)waits()" in done.stdout  # behind the wait
    assert "(Pdb) 1\n" in done.stdout
    assert "<string>(12)main()" in done.stdout  # of `where`
    assert done.stdout.endswith("result 2 other\n")
