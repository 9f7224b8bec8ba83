"""sqlite3 with its statements in real threads, beside the original."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

import greenbridge
from greenbridge.testing import assert_switches

from .fresh import in_fresh_python

#: A statement that takes much longer than to interrupt it.
ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n) select max(x) from n"


def use(connection: sqlite3.Connection) -> Any:
    """What a program does with a connection."""
    with connection:
        connection.execute("create table t (n int, s text)")
        connection.executemany("insert into t values (?, ?)", [(n, str(n)) for n in range(10)])
    cursor = connection.cursor()
    cursor.execute("select * from t where n > ?", (6,))
    found: list[Any] = [
        cursor.fetchone(),
        cursor.fetchmany(1),
        cursor.fetchall(),
        cursor.fetchone(),
    ]
    connection.executescript("create table u (n int); insert into u values (1);")
    connection.execute("delete from t")
    connection.rollback()
    found += connection.execute("select count(*) from t").fetchall()
    copy = sqlite3.connect(":memory:")
    connection.backup(copy)
    found += copy.execute("select n from u")
    copy.close()
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("select 1")
    return found


@in_fresh_python
def test_it_gives_what_the_original_gives_and_switches() -> None:
    expected = use(sqlite3.connect(":memory:"))
    with greenbridge.patch("sqlite3"):

        def body() -> None:
            with assert_switches():
                connection = sqlite3.connect(":memory:")
            assert isinstance(connection, sqlite3.Connection)
            assert use(connection) == expected

        greenbridge.run(body)
        assert use(sqlite3.connect(":memory:")) == expected  # where nothing can park


@in_fresh_python
def test_a_kill_interrupts_the_statement() -> None:
    with greenbridge.patch("sqlite3"):

        def body() -> None:
            connection = sqlite3.connect(":memory:")
            thread = greenbridge.spawn(connection.execute, ENDLESS)
            greenbridge.sleep(0.05)
            thread.kill()
            assert connection.execute("select 1").fetchone() == (1,)
            connection.close()

        greenbridge.run(body)


@in_fresh_python
def test_green_threads_share_a_connection_one_at_a_time() -> None:
    with greenbridge.patch("sqlite3"):

        def body() -> None:
            connection = sqlite3.connect(":memory:", isolation_level=None)
            connection.execute("create table t (n int)")
            threads = [
                greenbridge.spawn(connection.execute, "insert into t values (?)", (n,))
                for n in range(20)
            ]
            greenbridge.joinall(threads, raise_error=True)
            (count,) = connection.execute("select count(*) from t").fetchone()
            assert count == 20
            connection.close()

        greenbridge.run(body)


@in_fresh_python
def test_a_factory_of_the_callers_own_is_left_alone() -> None:
    class Mine(sqlite3.Connection):
        pass

    with greenbridge.patch("sqlite3"):
        connection = sqlite3.connect(":memory:", factory=Mine)
        assert type(connection) is Mine
        connection.close()
