"""Locks and queues between all worlds; see primitives.md."""

from __future__ import annotations

import threading

import greenbridge


# --8<-- [start:queue]
def read_lines(queue: greenbridge.Queue[str | None]) -> None:
    for line in ["one", "two", "three"]:  # from a C library, say, that blocks its OS thread
        queue.put(line)
    queue.put(None)


def collect() -> list[str]:
    queue: greenbridge.Queue[str | None] = greenbridge.Queue(maxsize=2)
    threading.Thread(target=read_lines, args=(queue,)).start()
    return list(iter(queue.get, None))  # in green code: others run meanwhile


# --8<-- [end:queue]


# --8<-- [start:coroutine]
lock = greenbridge.Lock()
report: list[str] = []


def write(line: str) -> None:
    with lock:  # in a green thread
        report.append(line)
        greenbridge.sleep(0.01)
        report.append(line)


async def write_too(line: str) -> None:
    async with lock:  # in a coroutine: the same lock
        report.extend([line, line])


# --8<-- [end:coroutine]


# --8<-- [start:killed]
def hand_over() -> str:
    queue: greenbridge.Queue[str] = greenbridge.Queue()
    impatient = greenbridge.spawn(queue.get)
    patient = greenbridge.spawn(queue.get)
    greenbridge.sleep(0.01)  # both wait now
    impatient.kill()
    queue.put("an item")
    item: str = patient.get()
    return item


# --8<-- [end:killed]


def test_queue() -> None:
    assert greenbridge.run(collect) == ["one", "two", "three"]


def test_coroutine() -> None:
    async def main() -> None:
        threads = [greenbridge.spawn(write, name) for name in "ab"]
        await write_too("c")
        for thread in threads:
            await thread
        await write_too("d")

    greenbridge.run(main)
    assert sorted(report[::2]) == sorted(report[1::2]) == ["a", "b", "c", "d"]
    assert report[::2] == report[1::2]


def test_killed() -> None:
    assert greenbridge.run(hand_over) == "an item"
