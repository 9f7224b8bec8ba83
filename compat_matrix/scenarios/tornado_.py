"""Tornado: blocking code in its handlers, through run_sync."""

import sys
import time
from contextlib import contextmanager

from compat_matrix.scenarios._hosting import fetch as call  # noqa: F401
from compat_matrix.scenarios._hosting import serving
from compat_matrix.services import LATENCY


@contextmanager
def opened(server):
    with serving("-m", "greenbridge", "-m", __name__, "{port}") as base:
        yield base


async def main(port):
    import asyncio

    import tornado.web

    from greenbridge import run_sync

    class Answer(tornado.web.RequestHandler):
        async def get(self, number):
            await run_sync(time.sleep, LATENCY)
            self.write(number)

    tornado.web.Application([("/([0-9]+)", Answer)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    import asyncio

    asyncio.run(main(int(sys.argv[1])))
