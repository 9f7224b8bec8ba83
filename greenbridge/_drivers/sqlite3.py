"""sqlite3: connections whose statements run in real threads; only if asked for.

Statements of a small database take microseconds, less than the way to a thread and back. So this
is for programs whose queries are long or wait for the lock of the database. Connections and cursors
are subclasses; one connection runs one statement at a time, in whatever thread.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from .._offload import offload
from .._originals import get_ident
from .._sync import RLock

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("Connection", "Cursor", "connect")

_connect: Final = sqlite3.connect
#: The stdlib's own default, in every version.
_DEFAULT: Final = sqlite3.Connection


class Cursor(sqlite3.Cursor):
    """``sqlite3.Cursor`` that lets green code run while the database works."""

    __module__ = "sqlite3"
    connection: Any

    def execute(self, *args: Any) -> Any:
        """Run one statement."""
        return self._off(super().execute, *args)

    def executemany(self, *args: Any) -> Any:
        """Run one statement for each set of parameters."""
        return self._off(super().executemany, *args)

    def executescript(self, *args: Any) -> Any:
        """Run several statements."""
        return self._off(super().executescript, *args)

    def fetchone(self) -> Any:
        """The next row, or None."""
        return self._off(super().fetchone)

    def fetchmany(self, *args: Any, **kwargs: Any) -> Any:
        """The next rows."""
        return self._off(super().fetchmany, *args, **kwargs)

    def fetchall(self) -> Any:
        """All rows that are left."""
        return self._off(super().fetchall)

    def _off(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        return self.connection._off(call, *args, **kwargs)


class Connection(sqlite3.Connection):
    """``sqlite3.Connection`` that lets green code run while the database works.

    On cancellation the statement is interrupted, as by ``Connection.interrupt``.
    """

    __module__ = "sqlite3"

    def __init__(self, database: Any, *args: Any, **kwargs: Any) -> None:
        self._one_at_a_time = RLock()
        self._runs_in: int | None = None  # the OS thread, while a statement runs
        super().__init__(database, *args, **kwargs)

    def cursor(self, factory: Any = Cursor) -> Any:
        """A cursor."""
        return super().cursor(factory)

    def execute(self, sql: str, *args: Any) -> Any:
        """Run one statement with a new cursor."""
        return self.cursor().execute(sql, *args)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> Any:
        """Run one statement for each set of parameters, with a new cursor."""
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql_script: str) -> Any:
        """Run several statements with a new cursor."""
        return self.cursor().executescript(sql_script)

    def commit(self) -> None:
        """End the transaction."""
        self._off(super().commit)

    def rollback(self) -> None:
        """Undo the transaction."""
        self._off(super().rollback)

    def backup(self, *args: Any, **kwargs: Any) -> None:
        """Copy the database into another."""
        self._off(super().backup, *args, **kwargs)

    def _off(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        if self._runs_in == get_ident():  # the C code calls its own methods: 3.10 commits so
            return call(*args, **kwargs)
        with self._one_at_a_time:
            try:
                return offload(self._run, call, *args, **kwargs)
            except Exception:
                raise
            except BaseException:  # whoever waited was killed; the statement must not run on
                self.interrupt()
                raise

    def _run(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        self._runs_in = me = get_ident()
        try:
            return call(*args, **kwargs)
        finally:
            if self._runs_in == me:  # not if it was interrupted, and the next one has begun
                self._runs_in = None


def connect(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
    """``sqlite3.connect``, with a connection that may be used from any thread, one at a time.

    A *factory* of the caller's own, and positional arguments that name one, are left alone.
    """
    if len(args) > _PLACE_OF_FACTORY or kwargs.get("factory", _DEFAULT) is not _DEFAULT:
        plain: sqlite3.Connection = _connect(database, *args, **kwargs)
        return plain
    if len(args) <= _PLACE_OF_THREAD_CHECK:
        kwargs["check_same_thread"] = False
    made: Any = offload(_connect, database, *args, **{**kwargs, "factory": Connection})
    return made  # type: ignore[no-any-return]  # it is a Connection


#: Positions after *database*: timeout, detect_types, isolation_level, check_same_thread, factory.
_PLACE_OF_THREAD_CHECK: Final = 3
_PLACE_OF_FACTORY: Final = 4
