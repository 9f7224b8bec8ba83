"""``python -m tests.soak_sync --seconds N --seed S``: everybody uses every primitive at once.

Green threads, green tasks, coroutines (in two OS threads, each with a loop) and native threads
take locks and permits, put and get items, notify and wait, while a killer kills, cancels and
times them out at random. Checked throughout: a lock has one holder, a semaphore no more than its
permits. Checked at the end: every item that was put was got once, nobody waits any more, all
counters are what they were. Nothing may hang: a lost wake does.
"""

from __future__ import annotations

import argparse
import asyncio
import queue
import random
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import greenbridge
from greenbridge import _sync

from .conftest import LOOPS

if TYPE_CHECKING:
    from collections.abc import Callable

PERMITS = 3
PLACES = 4
#: Seconds after which something that should have ended counts as hanging (a guess).
PATIENCE = 30.0


class Interrupted(BaseException):
    """What the killer raises in green threads."""


class State:
    """What all of them share, and what must hold of it."""

    def __init__(self) -> None:
        self.stop = False
        self.errors: list[str] = []
        self.lock = _sync.Lock()
        self.rlock = _sync.RLock()
        self.semaphore = _sync.Semaphore(PERMITS)
        self.bounded = _sync.BoundedSemaphore(PERMITS)
        self.condition = _sync.Condition()
        self.event = _sync.Event()
        self.queues: list[Any] = [
            _sync.Queue(PLACES),
            _sync.LifoQueue(),
            _sync.PriorityQueue(PLACES),
        ]
        self.simple: Any = _sync.SimpleQueue()
        self.inside: Counter[str] = Counter()
        self.guard = threading.Lock()  # of the counters here, between OS threads
        self.stock = 0
        self.put: list[int] = []
        self.got: list[int] = []
        self.numbers = iter(range(10**12))
        self.done: Counter[str] = Counter()

    def enter(self, what: str, most: int) -> None:
        with self.guard:
            self.inside[what] += 1
            if self.inside[what] > most:
                self.errors.append(f"{self.inside[what]} are inside {what}")

    def leave(self, what: str) -> None:
        with self.guard:
            self.inside[what] -= 1

    def lines(self) -> dict[str, int]:
        """How many tickets stand in each line; all of them must be gone at the end."""
        found = {
            "lock": len(self.lock._line),
            "rlock": len(self.rlock._line),
            "semaphore": len(self.semaphore._line),
            "bounded": len(self.bounded._line),
            "condition": len(self.condition._waiters),
            "condition's lock": len(self.condition._lock._line),
            "event": len(self.event._line),
            "simple": len(self.simple._line),
        }
        for each in self.queues:
            name = type(each).__name__
            found[f"{name} getters"] = len(each._getters)
            found[f"{name} putters"] = len(each._putters)
            found[f"{name} items promised"] = each._items_promised
            found[f"{name} places promised"] = each._places_promised
            found[f"{name} inbox"] = len(each._inbox)
            found[f"{name} mutex"] = len(each.mutex._line) + len(each.mutex._held)
        return found


# -- what green threads, sync code in green tasks, and native threads do ---------------------------


def some_timeout(rng: random.Random) -> float | None:
    return rng.choice([None, None, 0, 0.0005, 0.002, 0.02])


def step(state: State, rng: random.Random, pause: Callable[[float], object]) -> None:
    """One random operation of blocking code."""
    timeout = some_timeout(rng)
    short = rng.choice([0, 0, 0.0002])
    what = rng.randrange(9)
    limit = -1 if timeout is None else timeout
    if what in (0, 1):
        lock: Any = state.lock if what == 0 else state.rlock
        if lock.acquire(timeout=limit):
            try:
                if what == 1 and rng.random() < 0.3:
                    with state.rlock:
                        pause(0)
                state.enter(f"lock {what}", 1)
                try:
                    pause(short)
                finally:
                    state.leave(f"lock {what}")
            finally:
                lock.release()
    elif what in (2, 3):
        semaphore = state.semaphore if what == 2 else state.bounded
        if semaphore.acquire(timeout=timeout):
            try:
                state.enter(f"semaphore {what}", PERMITS)
                try:
                    pause(short)
                finally:
                    state.leave(f"semaphore {what}")
            finally:
                semaphore.release()
    elif what == 4:
        with state.condition:
            if rng.random() < 0.5:
                state.stock += 1
                state.condition.notify()
            elif state.condition.wait_for(lambda: state.stock > 0, timeout):
                state.stock -= 1
                if state.stock < 0:
                    state.errors.append("the stock is below nothing")
    elif what == 5:
        if rng.random() < 0.3:
            state.event.set()
            pause(short)
            state.event.clear()
        else:
            state.event.wait(timeout)
    else:
        each: Any = state.simple if what == 8 else rng.choice(state.queues)
        try:
            if rng.random() < 0.5:
                item = next(state.numbers)
                each.put(item, True, timeout)
                state.put.append(item)
            else:
                state.got.append(each.get(rng.random() < 0.9, timeout))
        except (queue.Empty, queue.Full):
            pass
    state.done["blocking"] += 1


async def step_async(state: State, rng: random.Random) -> None:
    """One random operation of a coroutine."""
    timeout = some_timeout(rng)
    what = rng.randrange(9)
    limit = -1 if timeout is None else timeout
    if what in (0, 1):
        lock: Any = state.lock if what == 0 else state.rlock
        if await lock.acquire_async(limit):
            try:
                state.enter(f"lock {what}", 1)
                try:
                    await asyncio.sleep(0)
                finally:
                    state.leave(f"lock {what}")
            finally:
                lock.release()
    elif what in (2, 3):
        semaphore = state.semaphore if what == 2 else state.bounded
        async with semaphore:
            state.enter(f"semaphore {what}", PERMITS)
            try:
                await asyncio.sleep(0)
            finally:
                state.leave(f"semaphore {what}")
    elif what == 4:
        async with state.condition:
            if rng.random() < 0.5:
                state.stock += 1
                state.condition.notify()
            elif await state.condition.wait_for_async(lambda: state.stock > 0, timeout):
                state.stock -= 1
    elif what == 5:
        await state.event.wait_async(timeout)
    else:
        each: Any = state.simple if what == 8 else rng.choice(state.queues)
        try:
            if rng.random() < 0.5:
                item = next(state.numbers)
                if each is state.simple:
                    await each.put_async(item)
                else:
                    await each.put_async(item, timeout)
                state.put.append(item)
            else:
                state.got.append(await each.get_async(timeout))
        except (queue.Empty, queue.Full):
            pass
    state.done["awaiting"] += 1


def blocking_life(state: State, seed: str, pause: Callable[[float], object]) -> None:
    rng = random.Random(seed)
    while not state.stop:
        try:
            if pause is greenbridge.sleep and rng.random() < 0.2:
                with greenbridge.Timeout(rng.choice([0, 0.0005, 0.003]), False):
                    step(state, rng, pause)
            else:
                step(state, rng, pause)
            if rng.random() < 0.3:
                pause(0)
        except (Interrupted, asyncio.CancelledError):
            state.done["interrupted"] += 1


async def task_life(state: State, seed: str) -> None:
    blocking_life(state, seed, greenbridge.sleep)


async def coroutine_life(state: State, seed: str) -> None:
    rng = random.Random(seed)
    while not state.stop:
        try:
            await step_async(state, rng)
            if rng.random() < 0.3:
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            state.done["cancelled"] += 1


async def world(state: State, seed: str, each: int) -> None:
    """One OS thread with a loop: *each* of every kind, and their killer."""
    rng = random.Random(seed)
    greenbridge.install()
    threads = [
        greenbridge.spawn(blocking_life, state, f"{seed} thread {n}", greenbridge.sleep)
        for n in range(each)
    ]
    loop = asyncio.get_running_loop()
    tasks = [asyncio.create_task(task_life(state, f"{seed} task {n}")) for n in range(each)]
    tasks += [
        asyncio.Task(coroutine_life(state, f"{seed} coroutine {n}"), loop=loop) for n in range(each)
    ]
    while not state.stop:
        await asyncio.sleep(rng.random() * 0.002)
        if rng.random() < 0.5:
            threads[rng.randrange(each)].kill(Interrupted, block=False)
        else:
            rng.choice(tasks).cancel()
        rng.choice([state.event.set, state.event.clear])()
    for thread in threads:
        await thread
    await asyncio.gather(*tasks)


def feed(state: State, others: list[threading.Thread]) -> None:
    """Let everybody who still waits come to an end."""
    until = time.monotonic() + PATIENCE
    while any(thread.is_alive() for thread in others):
        state.event.set()
        with state.condition:
            state.stock += 1
            state.condition.notify_all()
        for each in [*state.queues, state.simple]:
            try:
                item = next(state.numbers)
                each.put(item, timeout=0)
                state.put.append(item)
            except queue.Full:
                pass
        time.sleep(0.002)
        for each in state.queues:
            try:
                state.got.append(each.get(False))
            except queue.Empty:
                pass
        if time.monotonic() > until:
            state.errors.append(f"somebody hangs: {state.lines()} {state.done}")
            return


def problems(state: State) -> list[str]:
    """What is wrong after everybody has ended."""
    found = [*state.errors]
    found += [f"{n} left in the line of {name}" for name, n in state.lines().items() if n]
    for each in [*state.queues, state.simple]:
        while not each.empty():
            state.got.append(each.get(False))
    put, got = Counter(state.put), Counter(state.got)
    if lost := put - got:
        found.append(f"lost items: {sorted(lost)[:5]} of {len(put)}")
    if more := got - put:
        found.append(f"items from nowhere or twice: {sorted(more)[:5]} of {len(put)}")
    for name in ("semaphore", "bounded"):
        value = getattr(state, name)._value
        if value != PERMITS:
            found.append(f"{name} has {value} permits")
    if state.lock.locked() or state.rlock.locked():
        found.append("a lock is held by nobody")
    return found


def soak(seconds: float, seed: int, loop: str = "uvloop", each: int = 4) -> State:
    """Run for *seconds*; raises AssertionError with what is wrong."""
    state = State()
    worlds = [
        threading.Thread(
            target=lambda n=n: greenbridge.run(
                world, state, f"{seed} world {n}", each, loop_factory=LOOPS[loop]
            ),
            daemon=True,
        )
        for n in range(2)
    ]
    natives = [
        threading.Thread(
            target=blocking_life, args=(state, f"{seed} native {n}", time.sleep), daemon=True
        )
        for n in range(each)
    ]
    before = threading.active_count()
    for thread in [*worlds, *natives]:
        thread.start()
    time.sleep(seconds)
    state.stop = True
    feed(state, [*worlds, *natives])
    wrong = problems(state)
    if threading.active_count() > before and not wrong:
        wrong.append("threads are left")
    assert not wrong, f"seed {seed}, {loop}: " + "; ".join(wrong)
    return state


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak_sync")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--loop", choices=list(LOOPS), default=next(iter(LOOPS)))
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}, {options.seconds} s, {options.loop}\n")
    sys.stdout.flush()
    state = soak(options.seconds, options.seed, options.loop)
    sys.stdout.write(f"right: {dict(state.done)}, {len(state.put)} items\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
