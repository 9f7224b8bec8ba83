"""Signal handlers: they run promptly, and what they raise is the main program's."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
import greenbridge.green.signal as stand_ins
from greenbridge.green.signal import getsignal
from greenbridge.green.signal import signal as green_signal
from greenbridge.green.time import sleep
from greenbridge.patches.signal import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Alarm(Exception):
    pass


def ring(signum: int, frame: object) -> None:
    raise Alarm


@pytest.fixture(autouse=True)
def handlers_are_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before[0])
    signal.signal(signal.SIGINT, before[1])


def test_what_a_handler_raises_ends_the_wait_of_the_main_program(loop_factory: Any) -> None:
    def main() -> float:
        began = time.monotonic()
        for _ in range(3):
            green_signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(Alarm):
                sleep(5)
        return time.monotonic() - began

    assert greenbridge.run(main, loop_factory=loop_factory) < 2


def test_it_ends_the_wait_beside_other_threads_whose_timers_go_on(loop_factory: Any) -> None:
    ticks = []

    def tick() -> None:
        for number in range(20):
            sleep(0.01)
            ticks.append(number)

    def main() -> None:
        thread = greenbridge.spawn(tick)
        green_signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Alarm):
            sleep(5)
        thread.join(5)

    greenbridge.run(main, loop_factory=loop_factory)
    assert len(ticks) == 20


def test_a_handler_that_runs_in_another_green_thread_does_not_end_that_one(
    loop_factory: Any,
) -> None:
    def compute() -> str:
        signal.raise_signal(signal.SIGALRM)  # the handler runs here
        return "done"

    def main() -> str:
        green_signal(signal.SIGALRM, ring)
        thread = greenbridge.spawn(compute)
        with pytest.raises(Alarm):
            sleep(5)
        return str(thread.get())

    assert greenbridge.run(main, loop_factory=loop_factory) == "done"


def test_in_the_main_program_it_is_raised_at_once(loop_factory: Any) -> None:
    def main() -> None:
        green_signal(signal.SIGALRM, ring)
        with pytest.raises(Alarm):
            signal.raise_signal(signal.SIGALRM)

    greenbridge.run(main, loop_factory=loop_factory)
    main()  # and without a hub


def test_in_a_task_it_is_raised_there_as_asyncio_does(loop_factory: Any) -> None:
    async def main() -> None:
        green_signal(signal.SIGALRM, ring)
        with pytest.raises(Alarm):
            signal.raise_signal(signal.SIGALRM)

    greenbridge.run(main, loop_factory=loop_factory)


def test_a_handler_that_raises_nothing_leaves_the_wait_alone(loop_factory: Any) -> None:
    heard: list[int] = []

    def main() -> float:
        green_signal(signal.SIGALRM, lambda signum, frame: heard.append(signum))
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        began = time.monotonic()
        sleep(0.2)
        return time.monotonic() - began

    assert greenbridge.run(main, loop_factory=loop_factory) >= 0.2
    assert heard == [signal.SIGALRM]


def test_the_users_own_handler_is_what_is_shown() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert green_signal(signal.SIGALRM, ring) is before
    assert getsignal(signal.SIGALRM) is ring
    for handler in (signal.SIG_IGN, signal.SIG_DFL, ring, signal.default_int_handler):
        green_signal(signal.SIGALRM, handler)
        assert getsignal(signal.SIGALRM) is handler
        assert green_signal(signal.SIGALRM, signal.SIG_DFL) is handler


def test_ctrl_c_is_not_guarded() -> None:
    green_signal(signal.SIGINT, signal.default_int_handler)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def outcome(call: Callable[..., object], *args: object) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        call(*args)
    return f"{caught.type.__name__}: {caught.value}"


@pytest.mark.parametrize("args", [(signal.SIGALRM, "no"), (9999, ring), ("no", ring), ()])
def test_wrong_arguments_are_refused_in_the_original_words(args: tuple[Any, ...]) -> None:
    assert outcome(green_signal, *args) == outcome(signal.signal, *args)


def test_only_the_main_os_thread_sets_handlers() -> None:
    def native() -> str:
        return outcome(green_signal, signal.SIGALRM, ring)

    assert "main thread" in greenbridge.run(lambda: greenbridge.offload(native))


@pytest.mark.parametrize("name", sorted(TABLE.replace))
def test_the_stand_ins_belong_to_the_module_as_pydoc_shows_them(name: str) -> None:
    assert getattr(stand_ins, name).__module__ == "signal"
