"""Where the tests' main thread runs: in which of the worlds that may park.

``main``: the main program itself, beside a green thread. ``thread``: a green thread. ``await``:
sync code in a coroutine that a green thread awaits, so that an asyncio Task waits for it.

A program that never starts anything green blocks as it always did. So something else runs
beside the tests in any case; it also shows that the loop turns while they wait.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("WORLDS", "World")

WORLDS: Final = ("main", "thread", "await")

#: Seconds between two beats of what runs beside the tests; long, so that they are not slowed down.
_BEAT: Final = 0.02


class World:
    """Runs the tests, and counts how often they waited greenly; plainly if there are no greens."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bridge: Any = sys.modules.get("greenbridge")
        self._beats = 0
        self._waits = 0

    def run(self, tests: Callable[[], object]) -> None:
        """Call *tests*, and raise the SystemExit that it ends with."""
        if self._bridge is None:
            tests()
            return
        beside = self._bridge.spawn(self._beat)
        # Have the hub open its own descriptors now: tests count them, and look for free numbers.
        with importlib.import_module("greenbridge.testing").assert_no_leaks():
            pass
        try:
            if self._name == "main":
                self._watch()
                tests()
            else:
                self._run_in_thread(tests)
        finally:
            beside.kill()

    def _run_in_thread(self, tests: Callable[[], object]) -> None:
        ended: list[SystemExit] = []

        def watched() -> None:
            self._watch()
            threading.current_thread()  # its handle is made now, and not while regrtest looks
            try:
                tests()
            except SystemExit as end:  # a green thread's would be the program's, at once
                ended.append(end)

        async def awaited() -> None:
            watched()

        bridge = self._bridge
        inside = {"thread": watched, "await": lambda: bridge.await_(awaited())}
        thread = bridge.spawn(inside[self._name])
        while not thread.ready():
            try:
                thread.join()
            except Exception as error:
                # Raised by a signal handler, for the main program; here the tests play that part.
                thread.kill(error, block=False)
        thread.get()
        for end in ended:
            raise end

    def _watch(self) -> None:
        """Count how often the current greenlet is left.

        It is greenlet's own trace, not the core's counters: the proof that tests waited
        greenly does not rest on what is being proved.
        """
        greenlet: Any = importlib.import_module("greenlet")
        watched = greenlet.getcurrent()

        def trace(_event: str, ends: tuple[object, object]) -> None:
            if ends[0] is watched:
                self._waits += 1

        greenlet.settrace(trace)

    def _beat(self) -> None:
        while True:
            self._bridge.sleep(_BEAT)
            self._beats += 1

    def counts(self) -> dict[str, int]:
        """How often the tests waited greenly, and how often others ran meanwhile."""
        return {"waits": self._waits, "beats": self._beats}
