"""Programs in the process of the scenario, so that its heartbeat beats in the loop they run on."""

import asyncio
import http.client
import socket
import threading
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from compat_matrix.scenarios import psycopg2_, pymysql_, redis_py, requests_
from greenbridge import await_

CLIENTS = {"http": requests_, "mariadb": pymysql_, "redis": redis_py, "postgres": psycopg2_}


@contextmanager
def blocking_clients(server):
    """A function that asks four servers in turn, in plain blocking code, for a number."""
    where = {"http": server, **server.beside}
    with (
        requests_.opened(where["http"]) as web,
        pymysql_.opened(where["mariadb"]) as mariadb,
        redis_py.opened(where["redis"]) as redis,
        psycopg2_.opened(where["postgres"]) as postgres,
    ):
        opened = {"http": web, "mariadb": mariadb, "redis": redis, "postgres": postgres}

        def ask(number):
            answers = {name: module.call(opened[name], number) for name, module in CLIENTS.items()}
            assert set(answers.values()) == {number}, answers
            return str(number)

        yield ask


@contextmanager
def asgi(app):
    """*app* in uvicorn, in this loop; the client of ``fetch``."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    task = await_(_started(server.serve(sockets=[listener])))
    try:
        yield http_clients(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await_(asyncio.wait([task]))


async def _started(coroutine):
    return asyncio.ensure_future(coroutine)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 1000


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def wsgi(app):
    """*app* in wsgiref, a green thread for each request; the client of ``fetch``."""
    with make_server("127.0.0.1", 0, app, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield http_clients(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def http_clients(port):
    """As little of a client as there is: what is measured is the server."""

    def get(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", f"/{number}")
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            return int(body)
        finally:
            connection.close()

    return get


def fetch(get, number):
    return get(number)
