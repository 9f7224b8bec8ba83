"""A program that patches itself in its first line; run by tests/test_docs.py."""

# ruff: noqa: I001 - the order of these imports is the point
# --8<-- [start:first]
import greenbridge.auto

import time  # and everything else, after it

# --8<-- [end:first]


def nap(n: int) -> int:
    time.sleep(0.1)
    return n


# --8<-- [start:spawn]
def main() -> list[int]:
    threads = [greenbridge.spawn(nap, n) for n in range(50)]  # this starts the loop
    greenbridge.joinall(threads)
    return [thread.value for thread in threads]


# --8<-- [end:spawn]


if __name__ == "__main__":
    began = time.monotonic()
    assert main() == list(range(50))
    assert time.monotonic() - began < 2  # one after another: 5 seconds
    # --8<-- [start:stale]
    for late in greenbridge.stale():
        print(late)  # e.g. "shop.stock.sleep is still the original time.sleep"
    # --8<-- [end:stale]
