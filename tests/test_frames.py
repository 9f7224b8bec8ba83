"""asyncio's tools name the user's frames of what waits greenly, not those of greenbridge."""

from __future__ import annotations

import asyncio
import gc
import io
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import await_, sleep, spawn
from greenbridge.green.socket import socket as green_socket

from .green import LONG, in_green, until_parked, until_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .conftest import FreshPython

PACKAGE = greenbridge.__file__.rpartition("/")[0] + "/"


def in_a_sleep() -> None:
    sleep(LONG)


def in_an_await() -> None:
    await_(asyncio.sleep(LONG))


def in_a_recv() -> None:
    ours, theirs = socket.socketpair()
    with theirs, green_socket(fileno=ours.detach()) as ours:
        ours.recv(1)


def names_of(task: asyncio.Task[Any]) -> list[str]:
    """The functions of the stack, without the one frame of ours that everything stands on."""
    stack = task.get_stack()
    assert all(not frame.f_code.co_filename.startswith(PACKAGE) for frame in stack[1:]), stack
    return [frame.f_code.co_name for frame in stack[1:]]


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


WAITS = [in_a_sleep, in_an_await, in_a_recv]


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.green_tasks
async def test_the_stack_of_a_green_task_goes_down_to_the_users_wait(
    wait: Callable[[], None],
) -> None:
    async def nested() -> None:
        wait()

    async def user() -> None:
        await nested()

    task = asyncio.create_task(user())
    await until_waiting(task)
    assert names_of(task) == ["user", "nested", wait.__name__]
    out = io.StringIO()
    task.print_stack(file=out)
    assert f"in {wait.__name__}" in out.getvalue()
    assert task.get_stack(limit=1)[0].f_code.co_name == wait.__name__
    await cancelled(task)


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.green_tasks
async def test_the_repr_of_a_green_task_names_coroutine_file_and_line(
    wait: Callable[[], None],
) -> None:
    async def user() -> None:
        wait()

    task = asyncio.create_task(user())
    await until_waiting(task)
    shown = {repr(found) for found in asyncio.all_tasks() if found is task}
    line = task.get_stack()[-1].f_lineno
    assert len(shown) == 1
    assert f"user() running at {__file__}:{line}>" in shown.pop()
    await cancelled(task)
    assert "user() done" in repr(task)
    assert task.get_stack() == []


@pytest.mark.green_tasks
async def test_a_task_that_ended_with_an_error_shows_where_it_was_raised() -> None:
    def raises() -> None:
        sleep(0)
        raise ValueError("in the user's code")

    async def user() -> None:
        raises()

    task = asyncio.create_task(user())
    with pytest.raises(ValueError, match="in the user's code"):
        await task
    assert [frame.f_code.co_name for frame in task.get_stack()][-1] == "raises"
    assert "user() done" in repr(task)


@in_green
def test_the_task_of_a_green_thread_names_its_function_and_where_it_waits() -> None:
    def user() -> None:
        in_an_await()

    thread = spawn(user)
    until_parked(thread)
    task: Any = thread.task
    assert names_of(task) == ["user", "in_an_await"]
    shown = repr(task)
    assert "user() running at " + __file__ in shown
    assert PACKAGE not in shown
    thread.kill()
    assert "coro=<green_thread()>" in repr(task)


@pytest.mark.green_tasks
async def test_a_slow_callback_is_blamed_on_the_users_coroutine() -> None:
    loop = asyncio.get_running_loop()
    if type(loop).__module__.startswith("uvloop"):
        pytest.skip("uvloop has a message of its own, which names no coroutine on some versions")
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01

    async def hogs() -> None:
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass
        sleep(0)

    records: list[str] = []
    warn = asyncio.base_events.logger.warning  # type: ignore[attr-defined]
    asyncio.base_events.logger.warning = (  # type: ignore[attr-defined]
        lambda text, *args, **_: records.append(text % args)
    )
    try:
        await asyncio.create_task(hogs())
        await asyncio.sleep(0)
    finally:
        asyncio.base_events.logger.warning = warn  # type: ignore[attr-defined]
        loop.set_debug(False)
    assert any("hogs()" in record and PACKAGE not in record for record in records), records


@pytest.mark.green_tasks
async def test_a_pending_task_that_is_lost_is_named() -> None:
    loop = asyncio.get_running_loop()
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    async def lost() -> None:
        sleep(0)
        await loop.create_future()

    def lose(coro: Coroutine[Any, Any, None]) -> None:
        loop.create_task(coro)  # noqa: RUF006  # that is the point

    lose(lost())
    await asyncio.sleep(0.01)
    gc.collect()
    messages = [report for report in reports if "was destroyed" in report["message"]]
    assert len(messages) == 1
    shown = repr(messages[0]["task"])
    assert "lost() " in shown  # "running" or "done": who of a cycle ends first is not fixed
    assert __file__ in shown


# -- asyncio's call graph ------------------------------------------------------------------------

has_graphs = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="asyncio has call graphs since 3.14"
)


def graph_of(task: Any) -> tuple[list[str], list[str]]:
    """The functions where *task* waits, the innermost first, and the Tasks that await it."""
    capture: Any = getattr(asyncio, "capture_call_graph")  # noqa: B009  # older typeshed lacks it
    graph = capture(task)
    assert all(not e.frame.f_code.co_filename.startswith(PACKAGE) for e in graph.call_stack)
    names = [entry.frame.f_code.co_name for entry in graph.call_stack]
    return names, [future.future.get_name() for future in graph.awaited_by]


GRAPHS = [
    (in_a_sleep, ["in_a_sleep"]),
    (in_an_await, ["sleep", "in_an_await"]),
    (in_a_recv, ["in_a_recv"]),
]


@has_graphs
@pytest.mark.parametrize(("wait", "names"), GRAPHS)
@pytest.mark.green_tasks
async def test_the_call_graph_of_a_green_task_has_each_frame_of_the_users(
    wait: Callable[[], None], names: list[str]
) -> None:
    async def nested() -> None:
        wait()

    async def user() -> None:
        await nested()

    task = asyncio.create_task(user())
    await until_waiting(task)
    assert graph_of(task) == ([*names, "nested", "user"], [])
    assert names_of(task) == ["user", "nested", wait.__name__]  # it is the other way round
    await cancelled(task)
    assert graph_of(task) == ([], [])


@has_graphs
@pytest.mark.green_tasks
async def test_the_call_graph_goes_through_an_ordinary_await_and_back_to_who_awaits() -> None:
    async def user() -> None:
        await asyncio.sleep(LONG)

    async def awaits(task: asyncio.Task[None]) -> None:
        def calls() -> None:
            await_(task)

        calls()

    task = asyncio.create_task(user())
    other = asyncio.create_task(awaits(task), name="awaits")
    await until_waiting(other)
    assert graph_of(task) == (["sleep", "user"], ["awaits"])
    assert graph_of(other) == (["calls", "awaits"], [])
    out = io.StringIO()
    show: Any = getattr(asyncio, "print_call_graph")  # noqa: B009  # older typeshed lacks it
    show(task, file=out)
    shown = [line for line in out.getvalue().splitlines() if "File" in line]
    assert [line.rpartition(" in ")[2] for line in shown] == [
        "async sleep()",
        f"async {user.__qualname__}()",
        f"{awaits.__qualname__}.<locals>.calls()",
        f"async {awaits.__qualname__}()",
    ]
    await cancelled(other)
    await asyncio.wait([task])


@has_graphs
@in_green
def test_the_call_graph_of_a_green_thread_begins_at_its_function() -> None:
    async def inner() -> None:
        def sync() -> None:
            in_a_sleep()

        sync()

    def user() -> None:
        await_(inner())

    thread = spawn(user)
    until_parked(thread)
    assert graph_of(thread.task) == (["in_a_sleep", "sync", "inner", "user"], [])
    thread.kill()


@has_graphs
@pytest.mark.green_tasks
async def test_the_call_graph_of_the_code_that_runs_goes_up_to_its_coroutine() -> None:
    def asks() -> list[str]:
        capture: Any = getattr(asyncio, "capture_call_graph")  # noqa: B009
        return [entry.frame.f_code.co_name for entry in capture().call_stack]

    async def user() -> list[str]:
        sleep(0)
        return asks()

    assert await asyncio.create_task(user()) == ["asks", "user"]


@has_graphs
def test_the_tables_of_another_process_have_green_tasks_and_their_awaiters(
    fresh_python: FreshPython,
) -> None:
    done = fresh_python(
        """
import asyncio, os, subprocess, sys, greenbridge

async def user():
    greenbridge.sleep(30)

def tool(name):
    done = subprocess.run(
        [sys.executable, "-m", "asyncio", name, str(os.getpid())], capture_output=True, text=True
    )
    print(done.stdout, done.stderr)

async def main():
    greenbridge.install()
    thread = greenbridge.spawn(lambda: greenbridge.await_(asyncio.sleep(30)))
    thread.name = "a green thread"
    async with asyncio.TaskGroup() as group:
        task = group.create_task(user(), name="a green task")
        await asyncio.sleep(0.01)
        tool("ps")
        tool("pstree")
        task.cancel()
    thread.kill()

greenbridge.run(main)
"""
    )
    if "ermission" in done.stdout:
        pytest.skip("this system does not let a process read another one")
    table, _, tree = done.stdout.partition("\u2514\u2500\u2500")
    for name in ("a green task", "a green thread"):
        assert name in table
        assert f"(T) {name}" in tree
