"""What goes wrong in other bridges between sync and async code, and must not here.

Each test is one trap that was reproduced with another library; most of what is like it is
tested beside the feature that it belongs to.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import await_, run_sync, sleep, spawn
from greenbridge._waiting import closing_fd, wait_readable

from .conftest import MODES
from .green import LONG, SHORT, in_green

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import FreshPython

pytestmark = pytest.mark.all_modes

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


@pytest.fixture(params=list(MODES))
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Make a new event loop; the test runs once for each kind and mode."""
    return MODES[request.param]


# -- parking inside a Task's step --------------------------------------------------------------


@pytest.mark.green_tasks
async def test_another_task_can_be_entered_while_one_is_parked() -> None:
    # "Cannot enter into task B while another task A is being executed".
    async def parks() -> str:
        VAR.set("mine")
        sleep(2 * SHORT)
        task: Any = asyncio.current_task()
        assert VAR.get() == "mine"
        await asyncio.sleep(0)
        return str(task.get_name())

    async def runs() -> str:
        for _ in range(3):
            await asyncio.sleep(SHORT / 2)
            task: Any = asyncio.current_task()
            assert VAR.get() == "unset"
        return str(task.get_name())

    names = await asyncio.gather(
        asyncio.create_task(parks(), name="parks"), asyncio.create_task(runs(), name="runs")
    )
    assert list(names) == ["parks", "runs"]


@pytest.mark.green_tasks
async def test_a_parked_task_is_cancelled_at_once_and_not_at_the_end_of_its_wait() -> None:
    loop = asyncio.get_running_loop()

    async def parks() -> None:
        sleep(LONG)

    task = asyncio.create_task(parks())
    await asyncio.sleep(SHORT)
    began = loop.time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop.time() - began < LONG / 3


@pytest.mark.green_tasks
async def test_a_context_that_is_parked_does_not_stop_the_exception_handler() -> None:
    # "cannot enter context: ... already entered" took the loop's own error handling down.
    reports: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))

    def fails() -> None:
        raise ZeroDivisionError

    async def parks() -> None:
        loop.call_soon(fails, context=contextvars.copy_context())
        loop.call_soon(fails)
        sleep(SHORT)

    await asyncio.create_task(parks())
    assert [type(error) for error in reports] == [ZeroDivisionError] * 2


# -- greenlets of other libraries --------------------------------------------------------------


@in_green
async def test_greenlets_that_code_makes_itself_park_on_behalf_of_their_maker() -> None:
    import greenlet

    def child(value: int) -> int:
        assert greenbridge.is_green()
        sleep(SHORT)
        assert greenbridge.is_green()
        sleep(0)
        return value + await_(asyncio.sleep(SHORT, 1))

    def body() -> list[int]:
        return [greenlet.greenlet(child).switch(i) for i in range(3)]

    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(SHORT / 10)
            beats += 1

    beater = asyncio.ensure_future(beat())
    assert await run_sync(body) == [1, 2, 3]
    assert await spawn(body) == [1, 2, 3]
    beater.cancel()
    assert beats > 10


async def test_the_first_wait_of_a_loop_in_a_greenlet_of_somebody_else() -> None:
    import greenlet

    def child() -> tuple[bool, bool]:
        before = greenbridge.is_green()
        sleep(0)
        return before, greenbridge.is_green()

    assert await run_sync(lambda: greenlet.greenlet(child).switch()) == (True, True)
    assert await run_sync(lambda: greenlet.greenlet(child).switch()) == (True, True)


@in_green
def test_a_generator_that_two_threads_share_is_an_error_and_not_a_crash() -> None:
    def numbers() -> Any:
        while True:
            sleep(SHORT)
            yield 1

    shared = numbers()
    first, second = spawn(next, shared), spawn(next, shared)
    second.join()
    assert isinstance(second.exception, ValueError)
    assert first.get() == 1


# -- C frames ----------------------------------------------------------------------------------


@in_green
def test_code_below_c_functions_can_wait() -> None:
    def key(value: int) -> int:
        sleep(0)
        return -value

    def body() -> list[int]:
        return sorted(range(5), key=key)

    for thread in [spawn(body) for _ in range(5)]:
        assert thread.get() == [4, 3, 2, 1, 0]


@in_green
def test_a_wait_in_a_finaliser_is_harmless() -> None:
    class Thing:
        def __del__(self) -> None:
            sleep(0)
            log.append("deleted")

    log: list[str] = []
    Thing()
    assert log == ["deleted"]

    def cycle() -> None:
        thing: Any = Thing()
        thing.me = thing

    spawn(cycle).get()
    gc.collect()
    assert log == ["deleted"] * 2


# -- descriptors -------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("when", ["before the loop polls", "after it polled"])
def test_a_closed_descriptor_does_not_abort_the_process(
    loop: str, when: str, fresh_python: FreshPython
) -> None:
    # uvloop aborts (exit code 134) when it finds a registration of a closed descriptor.
    done = fresh_python(
        "import asyncio, os, socket, sys, greenbridge as g\n"
        "from greenbridge._waiting import closing_fd, wait_readable\n"
        "def main():\n"
        "    a, b = socket.socketpair()\n"
        "    fd = a.detach()\n"
        "    thread = g.spawn(wait_readable, fd)\n"
        "    g.sleep(0)\n"
        "    if sys.argv[2].startswith('after'): g.sleep(0.01)\n"
        "    closing_fd(fd)\n"
        "    os.close(fd)\n"
        "    c, d = socket.socketpair()\n"
        "    assert fd in (c.fileno(), d.fileno())\n"
        "    other = g.spawn(wait_readable, fd)\n"
        "    g.sleep(0.01)\n"
        "    assert isinstance(thread.exception, OSError)\n"
        "    (d if fd == c.fileno() else c).send(b'x')\n"
        "    assert other.get() is True\n"
        "    for s in (b, c, d): closing_fd(s.fileno()); s.close()\n"
        "loops = {'uvloop': None, 'asyncio': asyncio.new_event_loop}\n"
        "g.run(main, loop_factory=loops[sys.argv[1]])\n"
        "print('survived')",
        loop,
        when,
    )
    assert done.stdout == "survived\n"


@in_green
def test_a_wait_that_timed_out_does_not_eat_the_next_event() -> None:
    a, b = socket.socketpair()
    for _ in range(3):
        assert not wait_readable(a.fileno(), SHORT / 5)
    thread = spawn(wait_readable, a.fileno())
    sleep(0)
    b.send(b"x")
    assert thread.get(timeout=LONG / 3) is True
    for sock in (a, b):
        closing_fd(sock.fileno())
        sock.close()


# -- loops after loops -------------------------------------------------------------------------


def test_a_loop_leaves_nothing_for_the_next_one(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    # The hooks of a dead loop, its running state, its hub.
    async def generator() -> Any:
        yield 1

    async def main() -> int:
        async for i in generator():
            sleep(0)
            return int(await spawn(lambda i=i: await_(asyncio.sleep(0, i))))
        return 0

    hooks = sys.get_asyncgen_hooks()
    for _ in range(3):
        loop = loop_factory()
        assert loop.run_until_complete(main()) == 1
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        assert asyncio._get_running_loop() is None
        assert sys.get_asyncgen_hooks() == hooks
        assert greenbridge.run(lambda: spawn(lambda: 2).get(), loop_factory=loop_factory) == 2
        assert sys.get_asyncgen_hooks() == hooks


@in_green
def test_subprocesses_of_asyncio_work_in_green_code() -> None:
    async def child() -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return output

    assert await_(child()).split() == [b"child"]


@in_green
def test_many_threads_park_and_wake_at_once() -> None:
    threads = [spawn(sleep, SHORT) for _ in range(3000)]
    for thread in threads:
        thread.join()
    deep: list[int] = []

    def recurse(depth: int) -> None:
        if depth:
            recurse(depth - 1)
        else:
            sleep(0)
            deep.append(1)

    for thread in [spawn(recurse, 300) for _ in range(50)]:
        thread.get()
    assert len(deep) == 50
