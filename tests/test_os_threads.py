"""Hubs and handles across OS threads."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import run, sleep, spawn

from .green import LONG, SHORT, in_green, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Factory = Callable[[], asyncio.AbstractEventLoop]


class Boom(Exception):
    pass


# -- several threads ---------------------------------------------------------------------------


def test_two_hubs_in_two_os_threads(loop_factory: Factory) -> None:
    results: list[int] = []

    def main(n: int) -> None:
        threads = [spawn(lambda i: (sleep(SHORT / 10), i)[1], i) for i in range(n)]  # type: ignore[func-returns-value]
        results.append(sum(thread.get() for thread in threads))

    natives = [threading.Thread(target=run_hub, args=(main, n, loop_factory)) for n in (10, 20, 30)]
    for native in natives:
        native.start()
    for native in natives:
        native.join()
    assert sorted(results) == [45, 190, 435]


def run_hub(main: Callable[..., Any], n: int, loop_factory: Factory) -> None:
    run(main, n, loop_factory=loop_factory)


@in_green
def test_native_threads_join_get_and_kill_green_threads() -> None:
    def fails() -> None:
        sleep(SHORT)
        raise Boom

    slow = spawn(sleep, LONG)
    ended = spawn(lambda: 5)
    failed = spawn(fails)

    def native() -> list[Any]:
        results: list[Any] = [ended.get(timeout=LONG), ended.get()]
        with pytest.raises(Boom):
            failed.get(timeout=1e12)
        slow.join(SHORT)
        with pytest.raises(TimeoutError):
            slow.get(timeout=SHORT)
        slow.kill()
        return [*results, slow.ready()]

    assert greenbridge.offload(native) == [5, 5, True]
    assert isinstance(slow.value, greenbridge.GreenExit)


@in_green
def test_many_native_threads_wait_for_one_handle() -> None:
    for _ in range(20):
        thread = spawn(sleep, SHORT / 10)
        got: list[None] = []

        def native_get(thread: Any = thread, got: list[None] = got) -> None:
            got.append(thread.get(timeout=LONG))

        natives = [threading.Thread(target=native_get) for _ in range(8)]
        for native in natives:
            native.start()
        thread.join()
        for native in natives:
            greenbridge.offload(native.join)
        assert got == [None] * 8


@in_green
def test_a_handle_is_awaited_from_another_os_threads_loop() -> None:
    thread = spawn(lambda: (sleep(SHORT), 5)[1])  # type: ignore[func-returns-value]

    async def elsewhere() -> int:
        return int(await thread)

    assert greenbridge.offload(lambda: asyncio.run(elsewhere())) == 5


@in_green
def test_a_real_thread_that_ends_while_its_watch_begins_is_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from greenbridge.green import _ends

    class Ends:
        """A thread that has ended when somebody begins to wait for it."""

        _tstate_lock = threading.Lock()

    monkeypatch.setattr(_ends, "_begin", _ends._Watch.run)  # at once, here
    assert _ends.wait_for_native(Ends(), LONG) is not None
    assert not _ends._watches


@in_green
def test_a_watch_that_could_not_be_started_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from greenbridge.green import _ends

    class Runs:
        _tstate_lock = threading.Lock()

    def refuse(watch: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_ends, "_begin", refuse)
    with pytest.raises(RuntimeError):
        _ends.wait_for_native(Runs(), LONG)
    assert not _ends._watches


@in_green
def test_the_threads_that_wait_for_real_ones_are_not_counted_and_used_again() -> None:
    from greenbridge.green import _ends, thread

    before = thread._count()
    for _ in range(300):
        native = threading.Thread(target=sleep, args=(0,))
        native.start()
        _ends.wait_for_native(native, LONG)
        native.join()
        assert thread._count() <= before
    assert 1 <= _ends.watching() < 10


@in_green
def test_a_thread_that_waits_for_real_ones_ends_without_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from greenbridge.green import _ends

    # Not 0: up to 3.10 a get() of queue.SimpleQueue whose time is over at once may wait for ever.
    monkeypatch.setattr(_ends, "_IDLE_S", 0.05)
    watching = _ends.watching()
    native = threading.Thread(target=sleep, args=(SHORT,))
    native.start()
    _ends.wait_for_native(native, LONG)
    native.join()
    until(lambda: _ends.watching() <= watching)
