"""``offload``: a call in a real OS thread, waited for greenly."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING

import pytest

import greenbridge
from greenbridge import Timeout, await_, offload, sleep, spawn
from greenbridge.testing import assert_switches

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


class Boom(Exception):
    pass


def everywhere(body: Callable[[], None]) -> Callable[..., None]:
    """Run *body* in the root, a green thread, one with a Task, and a green task."""

    def promoted() -> None:
        await_(asyncio.sleep(0))
        body()

    async def task() -> None:
        body()

    @in_green
    def test() -> None:
        body()
        spawn(body).get()
        spawn(promoted).get()
        await_(task())

    test.__name__ = body.__name__
    return test


@everywhere
def test_it_runs_in_another_os_thread_and_others_run_meanwhile() -> None:
    others: list[int] = []
    spawn(others.append, 1)
    with assert_switches():
        ident = offload(threading.get_ident)
    assert ident != threading.get_ident()
    assert others == [1]


@everywhere
def test_arguments_errors_and_context_go_through() -> None:
    def fail() -> None:
        raise Boom

    assert offload(divmod, 7, 2) == (3, 1)
    assert offload(int, "ff", base=16) == 255
    with pytest.raises(Boom):
        offload(fail)
    VAR.set("mine")
    assert offload(VAR.get) == "mine"


@everywhere
def test_blocking_calls_in_the_thread_are_the_originals() -> None:
    def native() -> bool:
        sleep(SHORT)
        return greenbridge.is_green()

    assert offload(native) is False


@everywhere
def test_a_wait_that_is_cut_leaves_the_call_to_itself() -> None:
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        release.wait(LONG)
        ended.set()

    while not begun.is_set():  # one that has not begun is not made at all
        with pytest.raises(Timeout), Timeout(SHORT):
            offload(slow)
    assert not ended.is_set()
    release.set()
    assert offload(ended.wait, LONG)


def test_where_nothing_can_park_it_is_just_called() -> None:
    assert offload(threading.get_ident) == threading.get_ident()
    with pytest.raises(TypeError):
        offload(1)  # type: ignore[arg-type]


@in_green
def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError):
        offload(1)  # type: ignore[arg-type]
