"""Flask with async views, and blocking code in them: each runs a loop in its green thread."""

import asyncio
import time
from contextlib import contextmanager

import flask

from compat_matrix.scenarios._programs import fetch as call  # noqa: F401
from compat_matrix.scenarios._programs import wsgi
from compat_matrix.services import LATENCY

app = flask.Flask("compat")


@app.get("/<int:number>")
async def answer(number):
    await asyncio.sleep(LATENCY)
    time.sleep(LATENCY)
    return str(number)


@contextmanager
def opened(server):
    with wsgi(app) as client:
        yield client
