"""mysqlclient: a connection that parks while the server works, a subclass of its own.

A query is sent and its answer read in two calls, with a wait for the descriptor between them.
Everything else that may wait for the server (connecting, reading rows) is one C call that gives the
GIL back, and goes to a real thread. ``SSCursor`` reads each row in C: it holds up the loop while
the server is slower than its reader.

https://mysqlclient.readthedocs.io/user_guide.html
"""

from __future__ import annotations

from typing import Any

from MySQLdb import connections

from .._borrowed import wait_borrowed
from .._offload import offload
from .._waiting import POLLIN, parkable

__all__ = ("Connection",)

_Connection: Any = connections.Connection  # Any: MySQLdb has no types


class Connection(_Connection):  # type: ignore[misc]  # a class without types
    """``MySQLdb.connections.Connection`` that lets other green code run while it waits.

    On cancellation a query stays under way, so the connection cannot be used any more: close it.
    """

    __module__ = "MySQLdb.connections"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        offload(super().__init__, *args, **kwargs)

    def query(self, query: bytes | str) -> Any:
        """Send *query* and wait until the server begins to answer."""
        if not parkable():
            return super().query(query)
        if isinstance(query, bytearray):
            query = bytes(query)
        self.send_query(query)
        wait_borrowed(self.fileno(), POLLIN)  # it is closed in C
        return self.read_query_result()

    def store_result(self) -> Any:
        """Read all rows of the answer."""
        if not parkable() or not self.field_count():
            return super().store_result()
        return offload(super().store_result)

    def next_result(self) -> Any:
        """Go to the next answer of several."""
        return offload(super().next_result)

    def commit(self) -> Any:
        """End the transaction."""
        return self._told("COMMIT", super().commit)

    def rollback(self) -> Any:
        """Undo the transaction."""
        return self._told("ROLLBACK", super().rollback)

    def ping(self, *args: Any) -> Any:
        """Ask whether the server is there."""
        return offload(super().ping, *args)

    def autocommit(self, on: bool) -> Any:
        """Turn autocommit on or off."""
        return offload(super().autocommit, on)

    def select_db(self, name: str) -> Any:
        """Use another database."""
        return offload(super().select_db, name)

    def change_user(self, *args: Any, **kwargs: Any) -> Any:
        """Go on as another user."""
        return offload(super().change_user, *args, **kwargs)

    def shutdown(self) -> Any:
        """Ask the server to end."""
        return offload(super().shutdown)

    def stat(self) -> Any:
        """Ask the server for its state."""
        return offload(super().stat)

    def kill(self, thread_id: int) -> Any:
        """Ask the server to end another connection."""
        return offload(super().kill, thread_id)

    def _told(self, statement: str, otherwise: Any) -> Any:
        if not parkable():
            return otherwise()
        return self.query(statement)


Connection.__qualname__ = Connection.__name__ = "Connection"
