"""Connections that are opened beforehand, for drivers that bring no pool: not the subject."""

from contextlib import contextmanager
from queue import Queue

from compat_matrix.rows import AT_ONCE


class Pool:
    def __init__(self, connect, size=AT_ONCE):
        self._free = Queue()
        self._all = [connect() for _ in range(size)]
        for connection in self._all:
            self._free.put(connection)

    @contextmanager
    def connection(self):
        connection = self._free.get(timeout=10)
        try:
            yield connection
        finally:
            self._free.put(connection)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for connection in self._all:
            connection.close()
