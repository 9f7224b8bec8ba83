"""Drivers that wait in C; see drivers.md."""

from __future__ import annotations

from typing import Any

import greenbridge


# --8<-- [start:timeout]
def ask(connection: Any, query: str) -> Any:
    try:
        with greenbridge.Timeout(5.0):
            return connection.execute(query).fetchone()
    except greenbridge.Timeout:
        connection.close()  # the answer is still to come
        raise


# --8<-- [end:timeout]


class Connection:
    """As a driver's: the query never ends."""

    closed = False

    def execute(self, query: str) -> Any:
        raise greenbridge.Timeout(5.0)

    def close(self) -> None:
        self.closed = True


def test_the_connection_is_closed() -> None:
    connection = Connection()

    def body() -> None:
        try:
            ask(connection, "SELECT 1")
        except greenbridge.Timeout:
            pass

    greenbridge.run(body)
    assert connection.closed
