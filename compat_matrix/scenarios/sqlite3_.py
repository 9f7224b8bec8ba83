"""sqlite3 with its statements in real threads: one waits for another's lock on the database."""

import sqlite3
import tempfile
import time
from contextlib import contextmanager

import greenbridge
from compat_matrix.services import LATENCY

greenbridge.patch("sqlite3")


@contextmanager
def opened(server):
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/database"


def call(path, number):
    connection = sqlite3.connect(path, timeout=10)
    connection.create_function("wait", 1, lambda value: time.sleep(LATENCY) or value)
    try:
        return connection.execute("SELECT wait(?)", (number,)).fetchone()[0]
    finally:
        connection.close()
