"""offload_module: a library's calls run in real threads, and its objects behave as themselves."""

from __future__ import annotations

import sqlite3
import threading
import types
from typing import Any, final

import pytest

import greenbridge
from greenbridge.testing import assert_switches

from .green import LONG, in_green


class Failed(Exception):
    """An error of the library."""


@final
class Item:
    """An object of the library."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.made_in = threading.get_ident()

    def where(self) -> int:
        return threading.get_ident()

    def next_one(self) -> Item:
        return Item(self.number + 1)

    def same_as(self, other: Item) -> bool:
        return self.number == other.number and isinstance(vars(other), dict)

    def fail(self) -> None:
        raise Failed(self.number)

    def __enter__(self) -> Item:
        return self

    def __exit__(self, *exc: object) -> None:
        self.number = -1

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Any:
        return iter([self.where(), self.where()])


def library() -> types.ModuleType:
    """A module with such a class, as if it were somebody's package."""
    made = types.ModuleType("somebody.api")
    Item.__module__ = "_somebody"  # the C part of it
    vars(made).update(
        Item=Item, Failed=Failed, open=Item, LIMIT=7, fast=threading.get_ident, where=Item().where
    )
    return made


@in_green
def test_calls_run_in_real_threads_and_constants_are_as_they_are() -> None:
    api = greenbridge.offload_module(library(), direct={"fast"})
    assert (api.LIMIT, api.Failed) == (7, Failed)
    with assert_switches():
        assert api.where() != threading.get_ident()
    with assert_switches(exactly=0):
        assert api.fast() == threading.get_ident()


@in_green
def test_objects_are_taken_for_what_they_are() -> None:
    api = greenbridge.offload_module(library())
    item = api.open(4)
    assert isinstance(item, Item)
    assert isinstance(item, api.Item)
    assert item.number == 4
    item.number = 5
    assert item.next_one().number == 6
    assert item.same_as(api.Item(5))
    assert len(item) == 3
    assert item.where() != threading.get_ident()
    assert all(ident != threading.get_ident() for ident in item)
    with item as entered:
        assert entered is item
    assert item.number == -1
    assert "Item object" in repr(item)
    with pytest.raises(Failed):
        item.fail()
    del item.number
    with pytest.raises(AttributeError):
        _ = item.number


@in_green
def test_what_belongs_to_a_thread_stays_in_it() -> None:
    api = greenbridge.offload_module(library(), same_thread=True)
    item, other = api.open(), api.open()
    assert item.where() == item.made_in == item.next_one().where()
    assert other.where() == other.made_in != item.made_in


@in_green
def test_an_unmodified_sqlite3_checks_its_threads_and_is_content() -> None:
    api = greenbridge.offload_module(sqlite3, same_thread=True)
    with api.connect(":memory:") as connection:
        assert isinstance(connection, sqlite3.Connection)
        cursor = connection.execute("create table t (n int)")
        cursor.executemany("insert into t values (?)", [(n,) for n in range(5)])
        connection.row_factory = sqlite3.Row
        rows = [row["n"] for row in connection.execute("select n from t order by n")]
    assert rows == list(range(5))
    assert connection.total_changes == 5
    with pytest.raises(api.OperationalError, match="no such table"):
        connection.execute("select 1 from missing")
    connection.close()


@in_green
def test_others_run_meanwhile_and_a_kill_ends_the_wait() -> None:
    go = threading.Event()
    module = library()
    vars(module)["wait"] = go.wait
    api = greenbridge.offload_module(module)
    waiting = greenbridge.spawn(api.wait, LONG)
    greenbridge.sleep(0.01)
    assert not waiting.ready()
    waiting.kill()
    assert waiting.ready()
    go.set()


def test_outside_green_code_it_simply_calls() -> None:
    api = greenbridge.offload_module(library())
    assert api.where() == threading.get_ident()
    item = greenbridge.offload_module(library(), same_thread=True).open(3)
    assert item.where() != threading.get_ident()  # that thread it needs all the same


def test_a_thread_of_its_own_ends_with_its_objects() -> None:
    import gc

    before = threading.active_count()
    api = greenbridge.offload_module(library(), same_thread=True)
    item = api.open()
    ended = threading.Event()

    class Told:
        def __del__(self) -> None:
            ended.set()

    item.told = Told()
    del item
    gc.collect()
    assert ended.wait(LONG)  # the thread let go of it
    assert threading.active_count() == before  # such threads are no Thread objects


@pytest.mark.parametrize("wrong", [3, len, None])
def test_what_is_no_module_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="needs a module or its name"):
        greenbridge.offload_module(wrong)


def test_a_string_is_no_collection_of_names() -> None:
    with pytest.raises(TypeError, match="direct="):
        greenbridge.offload_module("sqlite3", direct="connect")
