"""After a fork the child starts clean, whatever the parent was doing."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import await_, sleep, spawn
from greenbridge._hub import HUBS

from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # other OS threads exist
]


def in_child(body: Callable[[], Any]) -> bytes:
    """Fork here, run *body* in the child; what it returned or raised, as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            os.write(writer, repr(body()).encode())
            status = 0
        except BaseException as exc:
            os.write(writer, repr(exc).encode())
        finally:
            os._exit(status)
    os.close(writer)
    text = b""
    while part := os.read(reader, 1000):
        text += part
    os.close(reader)
    os.waitpid(pid, 0)
    return text


def works() -> tuple[Any, ...]:
    """Everything that the child of a fork must be able to do."""
    old = len(HUBS)
    thread = spawn(lambda: (sleep(SHORT), await_(asyncio.sleep(0, 3)))[1])  # type: ignore[func-returns-value]
    sleep(0)
    own_loop = spawn(lambda: asyncio.run(asyncio.sleep(0, 5)))
    return old <= 1, thread.get(), await_(asyncio.sleep(0, 4)), own_loop.get()


WORKS = b"(True, 3, 4, 5)"


def forks(log: list[bytes]) -> None:
    log.append(in_child(works))
    sleep(0)
    log.append(in_child(works))


@pytest.mark.parametrize("where", ["root", "thread", "promoted", "task", "child greenlet"])
@in_green
def test_a_fork_in_green_code(where: str) -> None:
    other = spawn(sleep, LONG)
    sleep(0)
    log: list[bytes] = []

    def promoted() -> None:
        await_(asyncio.sleep(0))
        forks(log)

    async def task() -> None:
        forks(log)

    if where == "root":
        forks(log)
    elif where == "thread":
        spawn(forks, log).get()
    elif where == "promoted":
        spawn(promoted).get()
    elif where == "task":
        await_(task())
    else:
        import greenlet

        spawn(lambda: greenlet.greenlet(forks).switch(log)).get()
    assert log == [WORKS, WORKS]
    assert not other.ready()
    other.kill()


def test_a_fork_in_a_bare_coroutine() -> None:
    async def main() -> None:
        thread = spawn(lambda: sleep(SHORT))
        assert in_child(lambda: asyncio.run(asyncio.sleep(0, 5))) == b"5"
        assert in_child(lambda: greenbridge.run(lambda: spawn(lambda: 6).get())) == b"6"
        await thread

    asyncio.run(main())


def test_a_fork_after_the_end() -> None:
    greenbridge.run(lambda: spawn(str).get())
    assert in_child(works) == WORKS


@in_green
def test_finally_blocks_of_the_parent_do_not_run_in_the_child() -> None:
    reader, writer = os.pipe()

    def body() -> None:
        try:
            sleep(LONG)
        finally:
            os.write(writer, b"f")

    thread = spawn(body)
    sleep(0)
    pid = os.fork()
    if pid == 0:
        try:
            import gc

            gc.collect()
            spawn(str).get()
            os.write(writer, b"c")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    thread.kill()
    assert os.read(reader, 10) == b"cf"
    os.close(reader)
    os.close(writer)


def test_a_child_that_ends_in_the_ordinary_way(fresh_python: FreshPython) -> None:
    done = fresh_python(
        "import os, sys, greenbridge as g\n"
        "def body():\n"
        "    try: g.sleep(60)\n"
        "    finally: print('unwound', os.getpid() == parent, flush=True)\n"
        "parent = os.getpid()\n"
        "g.spawn(body)\n"
        "g.sleep(0.01)\n"
        "pid = os.fork()\n"
        "if pid: os.waitpid(pid, 0)\n"
        "else: print(g.spawn(lambda: 'child').get(), flush=True)\n",
        options=("-W", "ignore::DeprecationWarning"),
    )
    assert done.stdout == "child\nunwound True\n"
    assert done.stderr == ""


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
