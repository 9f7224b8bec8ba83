"""After a fork the child starts clean, whatever the parent was doing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import _originals, await_, sleep, spawn
from greenbridge._hub import HUBS

from .fresh import in_fresh_python
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


@in_green
def test_a_child_has_no_hub_before_it_needs_one() -> None:
    from greenbridge._hubs import current_hub
    from greenbridge.green import os as green_os

    def body() -> tuple[Any, ...]:
        reader, writer = os.pipe()
        os.write(writer, b"x")
        hubs = [current_hub()]
        data = green_os.read(reader, 1)
        hubs.append(current_hub())
        in_thread = spawn(lambda: green_os.read(reader, 1))
        sleep(0)
        green_os.write(writer, b"y")
        ended = green_os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)[1]
        return hubs, data, in_thread.get(), ended

    expected = b"([None, None], b'x', b'y', 0)"
    assert in_child(body) == expected
    assert spawn(in_child, body).get() == expected
    assert spawn(lambda: in_child(lambda: in_child(body))).get() == repr(expected).encode()


@in_green
def test_signals_of_the_child_are_not_the_parents() -> None:
    def body() -> tuple[Any, ...]:
        handler = signal.getsignal(signal.SIGINT)
        return signal.set_wakeup_fd(-1), handler is signal.default_int_handler

    await_(asyncio.sleep(0))
    assert in_child(body) == b"(-1, True)"


@in_green
def test_the_childs_asyncio_is_as_new() -> None:
    async def main() -> tuple[Any, ...]:
        task = asyncio.current_task()
        return len(asyncio.all_tasks()), task is not None

    def body() -> Any:
        return asyncio.run(main())

    async def in_task() -> bytes:
        return in_child(body)

    other = spawn(await_, asyncio.sleep(LONG))
    sleep(SHORT)
    assert in_child(body) == b"(1, True)"
    assert spawn(in_child, body).get() == b"(1, True)"
    assert await_(in_task()) == b"(1, True)"
    other.kill()


@in_fresh_python
def test_a_thread_that_forks_is_the_main_thread_of_the_child() -> None:
    greenbridge.patch_all()
    lock = threading.Lock()
    local = threading.local()

    def body() -> tuple[Any, ...]:
        current = threading.current_thread()
        with lock:
            other = threading.Thread(target=sleep, args=(SHORT,))
            other.start()
            other.join()
        return (
            current is threading.main_thread(),
            current.ident == threading.get_ident(),
            threading.active_count(),
            other.is_alive(),
        )

    def forks() -> None:
        local.x = 1
        other = threading.Thread(target=sleep, args=(LONG,), daemon=True)
        other.start()
        sleep(0)
        assert in_child(body) == b"(True, True, 1, False)"
        assert local.x == 1
        assert threading.active_count() >= 2

    thread = threading.Thread(target=forks)
    thread.start()
    thread.join()
    forks()


@in_fresh_python
def test_other_green_threads_have_ended_in_the_child() -> None:
    greenbridge.patch_all()

    def forks() -> None:
        begun = threading.Thread(target=sleep, args=(LONG,), daemon=True)
        begun.start()
        sleep(0)
        waiting = threading.Thread(target=sleep, args=(LONG,), daemon=True)
        waiting.start()
        green = spawn(sleep, LONG)

        def body() -> tuple[Any, ...]:
            for thread in (begun, waiting):
                thread.join()
            green.join()
            return begun.is_alive(), waiting.is_alive(), green.ready(), type(green.value).__name__

        said = in_child(body)
        assert said == b"(False, False, True, 'GreenletExit')", said
        assert begun.is_alive()
        assert waiting.is_alive()
        assert not green.ready()
        green.kill()

    thread = threading.Thread(target=forks)
    thread.start()
    thread.join()
    forks()


@in_fresh_python
def test_hooks_may_use_primitives() -> None:
    greenbridge.patch_all()
    lock, log = threading.Lock(), []

    def before() -> None:
        lock.acquire()
        log.append("before")

    def after() -> None:
        log.append("after")
        lock.release()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)

    def holds() -> None:
        with lock:
            sleep(SHORT)
            log.append("held")

    def forks() -> bytes:
        return in_child(lambda: (list(log), lock.acquire(False)))

    holder = greenbridge.spawn(holds)
    sleep(0)
    thread = greenbridge.spawn(forks)
    assert thread.get() == b"(['held', 'before', 'after'], True)"
    assert log == ["held", "before", "after"]
    assert not lock.locked()
    holder.join()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="earlier ones do not warn")
@in_fresh_python
def test_green_threads_are_no_reason_for_the_warning_of_fork_and_os_threads_are() -> None:
    greenbridge.patch_all()
    thread = threading.Thread(target=sleep, args=(LONG,), daemon=True)
    thread.start()
    sleep(SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert in_child(lambda: 1) == b"1"
        assert greenbridge.spawn(in_child, lambda: 2).get() == b"2"
    _originals.start_new_thread(_originals.time_sleep, (LONG,))
    with pytest.warns(DeprecationWarning, match="multi-threaded"):
        assert greenbridge.spawn(in_child, lambda: 3).get() == b"3"


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
