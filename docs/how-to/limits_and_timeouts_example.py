"""Pools and timeouts; see limits-and-timeouts.md."""

from __future__ import annotations

import time

import pytest

import greenbridge


# --8<-- [start:pool]
def resize_all(names: list[str]) -> list[str]:
    pool = greenbridge.Pool(10)  # at most ten at a time
    return list(pool.imap(resize, names))


# --8<-- [end:pool]


def resize(name: str) -> str:
    greenbridge.sleep(0.01)
    return name.upper()


# --8<-- [start:fail]
def ask() -> str:
    with greenbridge.fail_after(0.05):  # TimeoutError when it is over
        text = answer(3600)
    return text


# --8<-- [end:fail]


# --8<-- [start:move]
def ask_gently() -> str:
    text = "no answer"
    with greenbridge.move_on_after(0.05) as scope:  # leaves the block when it is over
        text = answer(3600)
    assert scope.cancelled_caught
    return text


# --8<-- [end:move]


# --8<-- [start:timeout]
def ask_as_with_gevent() -> str:
    try:
        with greenbridge.Timeout(0.05):
            text = answer(3600)
    except greenbridge.Timeout:
        return "no answer"
    return text


# --8<-- [end:timeout]


def answer(seconds: float) -> str:
    greenbridge.sleep(seconds)
    return "yes"


def test_pool() -> None:
    began = time.monotonic()
    names = [f"picture {n}" for n in range(200)]
    assert greenbridge.run(resize_all, names) == [name.upper() for name in names]
    assert time.monotonic() - began < 1.5  # one after another: more than 2 seconds


def test_fail_after() -> None:
    with pytest.raises(TimeoutError):
        greenbridge.run(ask)


def test_move_on_after() -> None:
    assert greenbridge.run(ask_gently) == "no answer"


def test_timeout() -> None:
    assert greenbridge.run(ask_as_with_gevent) == "no answer"
