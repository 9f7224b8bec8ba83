"""aiohttp handlers that call requests, PyMySQL, redis-py and psycopg2 inside ``async def``."""

from contextlib import contextmanager

from aiohttp import web

from compat_matrix.scenarios._programs import blocking_clients, http_clients
from compat_matrix.scenarios._programs import fetch as call  # noqa: F401
from greenbridge import await_


@contextmanager
def opened(server):
    with blocking_clients(server) as ask:

        async def answer(request):
            return web.Response(text=ask(int(request.match_info["number"])))

        app = web.Application()
        app.router.add_get("/{number}", answer)
        runner = web.AppRunner(app)
        await_(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1000)
        await_(site.start())
        try:
            yield http_clients(runner.addresses[0][1])
        finally:
            await_(runner.cleanup())
