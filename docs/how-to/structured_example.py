"""Groups of jobs that end together; see structured.md."""

from __future__ import annotations

import sys

import pytest

import greenbridge

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


# --8<-- [start:group]
def both() -> tuple[str, str]:
    with greenbridge.TaskGroup() as group:
        stock = group.spawn(load, "stock")
        prices = group.spawn(load, "prices")
    return stock.get(), prices.get()  # both are done here


# --8<-- [end:group]


def load(what: str) -> str:
    greenbridge.sleep(0.01)
    return what


def one_fails(ended: list[str]) -> None:
    def long_job() -> None:
        try:
            greenbridge.sleep(3600)
        finally:
            ended.append("long job")

    def broken() -> None:
        greenbridge.sleep(0)
        raise ValueError("no such product")

    with greenbridge.TaskGroup() as group:
        group.spawn(long_job)
        group.spawn(broken)


def test_results() -> None:
    assert greenbridge.run(both) == ("stock", "prices")


def test_an_error_ends_the_others() -> None:
    ended: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        greenbridge.run(one_fails, ended)
    assert [str(error) for error in caught.value.exceptions] == ["no such product"]
    assert ended == ["long job"]
