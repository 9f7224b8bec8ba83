"""Waiting for signals: the same as in plain Python, and nobody else is held up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge.green import signal as green_signal
from greenbridge.green.time import sleep
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python
from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such waits")

ONE, OTHER = signal.SIGUSR1, signal.SIGUSR2


@pytest.fixture(autouse=True)
def signals_are_put_back() -> Iterator[None]:
    before = signal.getsignal(ONE), signal.getsignal(OTHER), signal.getsignal(signal.SIGTERM)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    now = signal.getsignal(ONE), signal.getsignal(OTHER), signal.getsignal(signal.SIGTERM)
    for signum, handler in zip((ONE, OTHER, signal.SIGTERM), before, strict=True):
        signal.signal(signum, handler)
    assert now == before, "handlers were left behind"


def send(signum: int = ONE) -> None:
    # To this OS thread: the others of the tests have not blocked it.
    signal.raise_signal(signum)


WAITS: dict[str, Callable[[Any], int]] = {
    "sigwait": green_signal.sigwait,
    "sigwaitinfo": lambda signals: green_signal.sigwaitinfo(signals).si_signo,
    "sigtimedwait": lambda signals: green_signal.sigtimedwait(signals, LONG).si_signo,  # type: ignore[union-attr]
}


@pytest.mark.parametrize("blocked", [True, False])
@pytest.mark.parametrize("how", WAITS)
@in_green
def test_each_way_to_wait(how: str, blocked: bool) -> None:
    if blocked:
        signal.pthread_sigmask(signal.SIG_BLOCK, {ONE, OTHER})
    thread = greenbridge.spawn(WAITS[how], {ONE, OTHER})
    with assert_switches():
        sleep(SHORT)
    send(OTHER)
    assert thread.get(timeout=LONG) == OTHER
    assert signal.sigpending() == set()


@in_green
def test_a_signal_that_is_pending_is_there_at_once() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {ONE})
    send()
    with greenbridge.no_switch():
        assert green_signal.sigwait([ONE]) is ONE
    send()
    found = green_signal.sigwaitinfo([ONE])
    assert (found.si_pid, found.si_uid) == (os.getpid(), os.getuid())


@in_green
def test_a_real_time_signal() -> None:
    signum = signal.SIGRTMIN + 3
    signal.pthread_sigmask(signal.SIG_BLOCK, {signum})
    send(signum)
    assert green_signal.sigwait([signum]) == signum


@in_green
def test_timeouts() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {ONE})
    assert green_signal.sigtimedwait([ONE], 0) is None
    assert green_signal.sigtimedwait([ONE], SHORT) is None
    with pytest.raises(ValueError, match="non-negative"):
        green_signal.sigtimedwait([ONE], -1)
    with pytest.raises(ValueError, match="out of range"):
        green_signal.sigwait([9999])
    with pytest.raises(TypeError):
        green_signal.sigwait(3)  # type: ignore[arg-type]


@in_green
def test_the_main_program_waits_and_others_run() -> None:
    ticks = []

    def tick() -> None:
        for n in range(5):
            sleep(SHORT)
            ticks.append(n)
        send(signal.SIGTERM)

    greenbridge.spawn(tick)
    assert green_signal.sigwait({signal.SIGTERM, signal.SIGINT}) == signal.SIGTERM
    assert len(ticks) == 5


@in_green
def test_of_two_who_wait_each_gets_a_signal() -> None:
    heard: list[int] = []
    before = green_signal.signal(ONE, lambda signum, frame: heard.append(signum))
    threads = [greenbridge.spawn(green_signal.sigwait, [ONE]) for _ in range(2)]
    sleep(SHORT)
    send()
    greenbridge.joinall(threads, timeout=LONG, count=1)
    assert sorted(t.ready() for t in threads) == [False, True]
    send()
    assert [t.get(timeout=LONG) for t in threads] == [ONE, ONE]
    assert not heard
    send()
    assert heard == [ONE]
    green_signal.signal(ONE, before)


@pytest.mark.parametrize("blocked", [True, False])
@in_green
def test_a_wait_that_is_ended_takes_no_signal(blocked: bool) -> None:
    heard: list[int] = []
    before = green_signal.signal(ONE, lambda signum, frame: heard.append(signum))
    if blocked:
        signal.pthread_sigmask(signal.SIG_BLOCK, {ONE})
    thread = greenbridge.spawn(green_signal.sigwait, [ONE])
    sleep(SHORT)
    thread.kill(block=False)
    send()  # comes before the thread has ended
    thread.join()
    if thread.value == ONE:  # it was about to ask, and its kill came too late
        heard.append(ONE)
    elif blocked:
        assert signal.sigpending() == {ONE}
        assert not heard
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {ONE})
    assert heard == [ONE]
    green_signal.signal(ONE, before)


@in_green
def test_a_child_that_is_started_meanwhile_is_not_deaf() -> None:
    thread = greenbridge.spawn(green_signal.sigwait, [signal.SIGTERM])
    sleep(SHORT)
    child = subprocess.Popen(["sleep", "30"])
    child.terminate()
    assert child.wait() == -signal.SIGTERM
    thread.kill()


@in_green
def test_pause() -> None:
    heard: list[str] = []
    green_signal.signal(ONE, lambda *_: heard.append("green"))
    signal.signal(OTHER, lambda *_: heard.append("original"))
    thread = greenbridge.spawn(green_signal.pause)
    for signum in (ONE, OTHER):
        thread = greenbridge.spawn(green_signal.pause)
        sleep(SHORT)
        assert not thread.ready()
        send(signum)
        thread.join(LONG)
        assert thread.ready()
    assert heard == ["green", "original"]
    assert green_signal.getsignal(OTHER).__name__ == "<lambda>"  # type: ignore[union-attr]
    for signum in (ONE, OTHER):
        signal.signal(signum, signal.SIG_DFL)


class Stop(Exception):
    pass


@in_green
def test_the_main_program_pauses_and_the_handler_raises() -> None:
    def stop(*_: object) -> None:
        raise Stop

    before = green_signal.signal(signal.SIGALRM, stop)
    beside = greenbridge.spawn(signal.setitimer, signal.ITIMER_REAL, SHORT)  # once we are parked
    with pytest.raises(Stop):
        green_signal.pause()
    beside.join()
    signal.signal(signal.SIGALRM, before)


@in_fresh_python
def test_signals_of_another_process() -> None:
    greenbridge.patch_all()
    beside = greenbridge.spawn(sleep, LONG)
    for blocked in (True, False):
        signal.pthread_sigmask(signal.SIG_SETMASK, {ONE} if blocked else ())
        shell = f"sleep 0.05; kill -{int(ONE)} {os.getpid()}"
        with subprocess.Popen(["sh", "-c", shell]) as process:
            found = signal.sigwaitinfo([ONE])
        assert found.si_signo == ONE
        assert found.si_pid == (process.pid if blocked else 0)
    beside.kill()


def test_outside_green_code_it_is_the_original() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {ONE})
    send()
    assert green_signal.sigwait([ONE]) is ONE
    assert green_signal.sigtimedwait([ONE], 0.001) is None
    send()
    assert green_signal.sigwaitinfo([ONE]).si_signo == ONE
