"""``time.sleep``: the original's argument rules and errors, and it lets others run."""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import greenbridge
from greenbridge.green.time import sleep

from .fresh import in_fresh_python


class Index:
    def __index__(self) -> int:
        return 0


class Float:
    def __float__(self) -> float:
        return 0.0


class MyFloat(float):
    def __lt__(self, other: object) -> bool:
        raise AssertionError("the original does not compare")

    __le__ = __ge__ = __gt__ = __lt__


ARGUMENTS: list[Any] = [
    0, 0.0, -0.0, False, 1e-9, Index(), Float(), MyFloat(0), Decimal(0), Fraction(0),
    None, "1", b"1", 0j, [], -1, -1e-12, Decimal(-1), -(2**70),
    float("nan"), float("inf"), float("-inf"), 1e10, 2**40, 2**63, 10**400, 9223372037,
]  # fmt: skip


def outcome(call: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    """What happened, and the message if it was an error."""
    try:
        return "returned", repr(call(*args, **kwargs))
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("argument", ARGUMENTS, ids=lambda a: repr(a).partition(" at ")[0][:30])
def test_arguments_are_taken_and_refused_as_by_the_original(argument: Any) -> None:
    expected = outcome(time.sleep, argument)
    assert outcome(sleep, argument) == expected  # in a native thread
    assert greenbridge.run(lambda: outcome(sleep, argument)) == expected


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((0, 0), {}), ((), {"secs": 0})])
def test_calls_that_do_not_fit_are_type_errors(args: Any, kwargs: Any) -> None:
    assert outcome(time.sleep, *args, **kwargs)[0] == "TypeError"
    assert outcome(sleep, *args, **kwargs)[0] == "TypeError"


def test_others_run_while_one_sleeps() -> None:
    order: list[str] = []

    def nap(name: str, seconds: float) -> None:
        sleep(seconds)
        order.append(name)

    def main() -> None:
        naps = [greenbridge.spawn(nap, name, s) for name, s in (("long", 0.05), ("short", 0.01))]
        greenbridge.joinall(naps)

    greenbridge.run(main)
    assert order == ["short", "long"]


def test_sleep_0_gives_everybody_a_turn() -> None:
    order: list[str] = []

    def turns(name: str) -> None:
        for _ in range(3):
            order.append(name)
            sleep(0)

    def main() -> None:
        greenbridge.joinall([greenbridge.spawn(turns, "a"), greenbridge.spawn(turns, "b")])

    greenbridge.run(main)
    assert order == ["a", "b"] * 3


def test_a_killed_sleep_ends_at_once() -> None:
    def main() -> float:
        began = time.monotonic()
        sleeper = greenbridge.spawn(sleep, 30)
        sleep(0)
        sleeper.kill()
        return time.monotonic() - began

    assert greenbridge.run(main) < 5


@in_fresh_python
def test_each_sleep_is_audited_once_as_by_the_original() -> None:
    seen: list[object] = []
    sys.addaudithook(lambda event, args: seen.append(args) if event == "time.sleep" else None)
    expected = [(0,)] if sys.version_info >= (3, 13) else []
    time.sleep(0)
    assert seen == expected
    seen.clear()
    sleep(0)
    assert seen == expected
    seen.clear()
    greenbridge.run(lambda: sleep(0))
    assert seen == expected
