"""Places where parking would break something: there it waits otherwise, or says why not."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import sys
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import greenbridge
from greenbridge import (
    BlockingSwitchError,
    Lock,
    NoPortalError,
    SwitchForbiddenError,
    Timeout,
    await_,
    is_green,
    no_switch,
    offload,
    run_sync,
    sleep,
    spawn,
)
from greenbridge._waiting import closing_fd, wait_readable
from greenbridge.testing import assert_switches, statistics

from .green import LONG, SHORT, in_green, until_parked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="unset")


class Finalized:
    """Calls a function when it goes away."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.me: Any = None

    def __del__(self) -> None:
        self.call()


def garbage(call: Callable[[], object]) -> None:
    """Leave something that only the garbage collector can find."""
    thing = Finalized(call)
    thing.me = thing


def collected(call: Callable[[], Any]) -> Any:
    """What *call* returns or raises in a destructor that the garbage collector runs."""
    seen: list[Any] = []

    def note() -> None:
        try:
            seen.append(call())
        except BaseException as exc:  # the subject
            seen.append(exc)

    garbage(note)
    gc.collect()
    (result,) = seen
    return result


@pytest.fixture(params=["thread", "awaiting thread", "task", "program"])
def place(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Call a function in one kind of green code."""
    where: str = request.param

    async def task(call: Callable[[], Any]) -> Any:
        return call()

    def after_await(call: Callable[[], Any]) -> Any:
        await_(asyncio.sleep(0))
        return call()

    def run(call: Callable[[], Any]) -> Any:
        if where == "thread":
            return spawn(call).get()
        if where == "awaiting thread":
            return spawn(after_await, call).get()
        if where == "task":
            return await_(in_task(task(call)))
        return call()

    return run


async def in_task(coro: Any) -> Any:
    return await asyncio.create_task(coro)


# -- destructors -------------------------------------------------------------------------------


@in_green
def test_a_destructor_that_the_collector_runs_waits_for_real(
    place: Callable[[Callable[[], Any]], Any],
) -> None:
    def body() -> None:
        sleep(0)
        with assert_switches(exactly=0):
            before = statistics()["stalls"]
            assert collected(is_green) is False
            assert collected(lambda: sleep(SHORT)) is None
            assert statistics()["stalls"] == before + 1
        assert is_green()
        with assert_switches():
            sleep(0)

    place(body)


@in_green
def test_a_wait_in_the_collector_that_nothing_could_end_is_an_error(
    place: Callable[[Callable[[], Any]], Any],
) -> None:
    lock = Lock()

    def holds() -> None:
        with lock:
            sleep(LONG)

    def body() -> None:
        holder = spawn(holds)
        until_parked(holder)
        for wait in (lock.acquire, holder.join, holder.get):
            error = collected(wait)
            assert isinstance(error, BlockingSwitchError)
            assert "garbage collector" in str(error)
        error = collected(lambda: await_(asyncio.sleep(0)))
        assert isinstance(error, NoPortalError)
        assert "garbage collector" in str(error)
        holder.kill()
        with lock:
            error = collected(lock.acquire)  # the lock of the very code that it interrupts
            assert isinstance(error, BlockingSwitchError)
        with assert_switches():
            sleep(0)

    place(body)


@in_green
def test_what_comes_while_the_collector_runs_is_not_lost() -> None:
    def body() -> str:
        me: Any = greenbridge.getcurrent()
        garbage(lambda: me.interrupt(ZeroDivisionError()))
        gc.collect()
        with pytest.raises(ZeroDivisionError):
            sleep(LONG)
        sleep(0)
        return "done"

    assert spawn(body).get() == "done"


@in_green
def test_a_weakref_callback_of_the_collector_waits_for_real() -> None:
    def body() -> list[bool]:
        seen: list[bool] = []
        thing = Finalized(int)
        thing.me = thing
        ref = weakref.ref(thing, lambda _: seen.append(is_green()))
        del thing
        gc.collect()
        assert ref() is None
        return seen

    assert spawn(body).get() == [False]


@in_green
def test_a_destructor_of_the_last_reference_may_park(
    place: Callable[[Callable[[], Any]], Any],
) -> None:
    def body() -> None:
        thing = Finalized(lambda: sleep(SHORT))
        with assert_switches():
            del thing

    place(body)


def test_a_destructor_of_what_a_thread_returned_or_was_given_runs(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    log: list[str] = []

    def finalizer() -> None:
        sleep(0)
        log.append("finalized")

    def main() -> None:
        spawn(lambda: Finalized(finalizer))
        spawn(lambda _: None, Finalized(finalizer))
        for _ in range(3):
            sleep(SHORT)

    greenbridge.run(main, loop_factory=loop_factory)
    assert log == ["finalized"] * 2


# -- no_switch ---------------------------------------------------------------------------------


def waits() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every way to lose the CPU, by the name of the function that is called."""
    yield "sleep", lambda: sleep(0)
    yield "sleep", lambda: sleep(SHORT)
    yield "await_", lambda: await_(asyncio.sleep(0))
    yield "await_", lambda: await_(asyncio.sleep(SHORT))
    yield "offload", lambda: offload(int)
    queue: greenbridge.Queue[int] = greenbridge.Queue()
    yield "get", queue.get
    event = greenbridge.Event()
    yield "wait", event.wait
    parked = spawn(sleep, LONG)
    yield "join", parked.join
    yield "get", parked.get
    yield "joinall", lambda: greenbridge.joinall([parked])
    lock = Lock()
    held = spawn(lambda: [lock.acquire(), greenbridge.Event().wait()])
    until_parked(held)
    yield "acquire", lock.acquire
    a, b = socket.socketpair()
    yield "wait_readable", lambda: wait_readable(a.fileno())
    for sock in (a, b):
        closing_fd(sock.fileno())
        sock.close()
    greenbridge.killall([parked, held])


@in_green
def test_no_switch_refuses_every_wait_and_says_which_and_where(
    place: Callable[[Callable[[], Any]], Any],
) -> None:
    def body() -> None:
        entered = 0

        def forbidden(wait: Callable[[], object]) -> None:
            nonlocal entered
            entered = sys._getframe().f_lineno + 1
            with no_switch("the balance"):
                wait()

        for name, wait in waits():
            with assert_switches(exactly=0), pytest.raises(SwitchForbiddenError) as caught:
                forbidden(wait)
            text = str(caught.value)
            assert f"no_switch('the balance') at {__file__}:{entered}" in text
            assert f"{name}() at {__file__}:" in text
        with assert_switches():
            sleep(0)

    place(body)


@in_green
def test_no_switch_holds_for_its_own_thread_or_task_alone() -> None:
    async def task(name: str) -> None:
        with no_switch(name):
            await asyncio.sleep(SHORT)  # the reader can see that one
            with pytest.raises(SwitchForbiddenError, match=name):
                sleep(0)
            await asyncio.sleep(0)
        sleep(0)

    async def other() -> None:
        for _ in range(20):
            sleep(SHORT / 10)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(task("first"), other(), task("second"), run_sync(sleep, SHORT))

    await_(in_task(main()))


@in_green
def test_no_switch_lets_through_what_does_not_wait() -> None:
    async def at_once() -> int:
        return 1

    await_(at_once())  # the first one waits, for a Task
    with no_switch(), assert_switches(exactly=0):
        assert await_(at_once()) == 1
        with Lock(), Timeout(LONG):
            thread = spawn(int)
        queue: greenbridge.Queue[int] = greenbridge.Queue()
        queue.put(2)
        assert queue.get() == 2
    assert thread.get() == 0


# -- Context.run -------------------------------------------------------------------------------


@in_green
def test_code_may_park_inside_context_run(place: Callable[[Callable[[], Any]], Any]) -> None:
    def body() -> None:
        VAR.set("outer")
        context = contextvars.copy_context()

        def inside() -> str:
            VAR.set("inner")
            with assert_switches():
                sleep(SHORT)
            assert VAR.get() == "inner"
            await_(asyncio.sleep(0))
            assert VAR.get() == "inner"
            await_(sets())
            return VAR.get()

        async def sets() -> None:
            assert VAR.get() == "inner"
            await asyncio.sleep(0)
            VAR.set("by a coroutine")

        def other() -> None:
            assert VAR.get() == "outer"
            VAR.set("other")
            sleep(0)
            # Two threads cannot be in one Context at once, nor two green ones.
            with pytest.raises(RuntimeError, match="already entered"):
                context.run(int)

        thread = spawn(other)
        assert context.run(inside) == "by a coroutine"
        assert VAR.get() == "outer"
        assert context[VAR] == "by a coroutine"
        thread.get()

    place(body)


@in_green
def test_a_token_is_good_on_both_sides_of_a_border() -> None:
    async def resets(token: contextvars.Token[str]) -> contextvars.Token[str]:
        await asyncio.sleep(0)
        VAR.reset(token)
        return VAR.set("by the coroutine")

    def thread() -> None:
        token = await_(resets(VAR.set("by the thread")))
        assert VAR.get() == "by the coroutine"
        VAR.reset(token)
        assert VAR.get() == "unset"
        # As another Task has another Context, so has another thread.
        with pytest.raises(ValueError, match="different Context"):
            spawn(VAR.reset, VAR.set("x")).get()

    async def coroutine() -> None:
        token = await run_sync(VAR.set, "by the function")
        assert VAR.get() == "by the function"
        sleep(0)
        VAR.reset(token)
        await run_sync(VAR.reset, VAR.set("y"))
        assert VAR.get() == "unset"

    VAR.set("unset")
    spawn(thread).get()
    thread()
    VAR.set("unset")
    await_(coroutine())
    await_(in_task(coroutine()))
