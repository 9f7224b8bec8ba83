"""Starlette handlers that call requests, PyMySQL, redis-py and psycopg2 inside ``async def``."""

from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from compat_matrix.scenarios._programs import asgi, blocking_clients
from compat_matrix.scenarios._programs import fetch as call  # noqa: F401
from greenbridge.asgi import GreenMiddleware


@contextmanager
def opened(server):
    with blocking_clients(server) as ask:

        async def answer(request):
            return PlainTextResponse(ask(request.path_params["number"]))

        app = Starlette(routes=[Route("/{number:int}", answer)])
        with asgi(GreenMiddleware(app)) as client:
            yield client
