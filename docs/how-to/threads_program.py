"""Threads of a patched program; run by tests/test_docs.py."""

# ruff: noqa: E402, I001 - the order of these imports is the point
# --8<-- [start:threads]
import greenbridge.auto

import threading
import time
from concurrent.futures import ThreadPoolExecutor


def nap(n: int) -> int:
    time.sleep(0.1)
    return threading.get_native_id()


def main() -> None:
    threads = [threading.Thread(target=nap, args=(n,)) for n in range(1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ThreadPoolExecutor(max_workers=100) as executor:
        assert set(executor.map(nap, range(100))) == {threading.get_native_id()}


# --8<-- [end:threads]


# --8<-- [start:native]
from greenbridge import native


def watch(stop: native.Event) -> None:  # runs even while the loop stands still
    while not stop.wait(1):
        print("alive")


def with_a_watchdog() -> None:
    stop = native.Event()
    thread = native.Thread(target=watch, args=(stop,))
    thread.start()
    main()
    stop.set()
    thread.join()  # others run meanwhile


# --8<-- [end:native]


def made_before() -> None:
    """What the page says of objects that the originals made."""
    event = greenbridge.original("threading", "Event")()
    queue = greenbridge.original("queue", "Queue")()
    threading.Thread(target=event.set).start()
    threading.Thread(target=queue.put, args=(1,)).start()
    assert event.wait(20)
    assert queue.get(timeout=20) == 1


if __name__ == "__main__":
    began = time.monotonic()
    with_a_watchdog()
    made_before()
    assert time.monotonic() - began < 30  # one after another: 100 seconds
