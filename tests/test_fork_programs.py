"""Programs that fork: a server with workers, a child on a terminal, multiprocessing."""

from __future__ import annotations

import os
import signal
import socket
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

import greenbridge
from greenbridge import sleep, spawn

from .fresh import in_fresh_python
from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from .conftest import FreshPython

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # other OS threads exist
]


@in_green
def test_a_child_with_a_terminal_of_its_own() -> None:
    from greenbridge.green import os as green_os

    def forks() -> bytes:
        pid, fd = os.forkpty()
        if pid == 0:
            try:
                line = green_os.read(0, 100)
                os.write(1, b"got " + line)
            finally:
                os._exit(0)
        green_os.write(fd, b"line\n")
        data = b""
        while b"got line" not in data:
            data += green_os.read(fd, 100)
        green_os.waitpid(pid, 0)
        green_os.close(fd)
        return data

    assert b"got line" in spawn(forks).get(timeout=LONG)


def serve(listener: socket.socket) -> None:
    """What a worker of a pre-fork server does: each connection in a green thread."""

    def handle(connection: socket.socket) -> None:
        with connection:
            greenbridge.sleep(SHORT)
            connection.sendall(connection.recv(100) + b" %d" % os.getpid())

    while True:
        connection, _ = listener.accept()
        greenbridge.spawn(handle, connection)


@in_fresh_python
def test_a_server_that_forks_its_workers() -> None:
    greenbridge.patch_all()
    warnings.simplefilter("ignore", DeprecationWarning)
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    beside = greenbridge.spawn(sleep, LONG)  # the master is green as well
    sleep(0)

    def start() -> int:
        pid = os.fork()
        if pid == 0:
            try:
                serve(listener)
            finally:
                os._exit(1)
        return pid

    workers = {start(), greenbridge.spawn(start).get()}

    def ask(number: int) -> bytes:
        with socket.create_connection(listener.getsockname()) as connection:
            connection.sendall(b"%d" % number)
            return connection.recv(100)

    answers = [greenbridge.spawn(ask, n) for n in range(40)]
    found = [thread.get(timeout=LONG).split() for thread in answers]
    assert [int(number) for number, _ in found] == list(range(40))
    assert {int(pid) for _, pid in found} <= workers
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    assert {os.waitpid(pid, 0) for pid in workers} == {(pid, signal.SIGTERM) for pid in workers}
    beside.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="fork is the default elsewhere no more")
def test_multiprocessing_by_fork(fresh_python: FreshPython) -> None:
    done = fresh_python(
        "import multiprocessing, greenbridge as g\n"
        "def work(i): return i + g.spawn(lambda: (g.sleep(0), 1)[1]).get()\n"
        "def main():\n"
        "    g.spawn(g.sleep, 60)\n"
        "    g.sleep(0)\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        print(g.offload(pool.map, work, [1, 2, 3]))\n"
        "g.run(lambda: g.spawn(main).get())\n",
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert done.stdout == "[2, 3, 4]\n"
