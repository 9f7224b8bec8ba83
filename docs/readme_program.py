"""The example of the README and of the start page, run as a program by tests/test_docs.py."""

# mypy: allow-untyped-defs, allow-untyped-calls
# ruff: noqa: E401, I001 - a first example: short lines, and patches come first
# --8<-- [start:product]
import greenbridge.auto  # patch at import: time, socket, DNS, ssl, select, selectors
import asyncio, requests  # both unmodified


async def main(urls):
    first = await greenbridge.run_sync(requests.get, urls[0])  # blocking code in an asyncio app
    jobs = [greenbridge.spawn(requests.get, url) for url in urls]  # green threads ...
    return [first] + [await job for job in jobs]  # ... are awaited, mixed freely with tasks


def legacy(seconds):  # an ordinary def
    return greenbridge.await_(asyncio.sleep(seconds, "awaited without async"))


# --8<-- [end:product]


if __name__ == "__main__":
    import sys

    for answer in greenbridge.run(main, sys.argv[1:]):
        print(answer.status_code, answer.text)
    print(greenbridge.run(legacy, 0.01))
