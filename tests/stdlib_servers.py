"""Servers of the standard library, as programs write them; nothing here knows of greenbridge.

``test_stdlib_servers.py`` runs each function of CASES under ``python -m greenbridge``.
"""

from __future__ import annotations

import http.client
import os
import socket
import socketserver
import tempfile
import threading
import time
import urllib.request
import wsgiref.simple_server
import wsgiref.validate
import xmlrpc.client
import xmlrpc.server
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[Any, int], bool]

CLIENTS = 100
#: How many OS threads there were, whenever a client had its answer.
os_threads: list[int] = []
#: So many handlers have to be inside at the same time, where a server serves at once.
CROWD = 20
LONG = 30.0


class Room:
    """Where handlers wait until there is a crowd, if they may be inside at once."""

    def __init__(self) -> None:
        self._inside = 0
        self._lock = threading.Lock()
        self._full = threading.Event()

    def enter(self) -> None:
        """Called by each handler amid a request."""
        with self._lock:
            self._inside += 1
            if self._inside >= CROWD:
                self._full.set()
        if not self._full.wait(LONG):
            raise AssertionError(f"no more than {self._inside} handlers at once")


room = Room()


def nothing() -> None:
    """What a handler does amid a request, where one is served after another."""


def ask_all(ask: Ask, address: Any) -> None:
    """Have all clients ask at the same time."""
    together = threading.Barrier(CLIENTS + 1)
    answers: list[bool] = []

    def client(number: int) -> None:
        together.wait()
        answers.append(ask(address, number))
        os_threads.append(len(os.listdir("/proc/self/task")))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    together.wait()
    for thread in threads:
        thread.join()
    assert answers == [True] * CLIENTS, answers


def descriptors() -> list[str]:
    """What is open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            pass  # that of the listing itself
    # One that all children are waited for by is made when the first is, and kept.
    return sorted(name for name in found if "eventpoll" not in name)


def serve(server: socketserver.BaseServer, ask: Ask) -> None:
    """Serve all clients, and stop."""
    warm = threading.Thread(target=time.sleep, args=(0.01,))  # what opens descriptors does it now
    warm.start()
    warm.join()
    before = descriptors()
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    ask_all(ask, server.server_address)
    server.shutdown()
    serving.join(LONG)
    assert not serving.is_alive()
    server.server_close()  # waits for the handlers
    assert [t for t in threading.enumerate() if t is not threading.main_thread()] == []
    left = descriptors()
    assert len(left) < len(before), (before, left)
    try:
        ask(server.server_address, 0)
    except OSError:
        return
    raise AssertionError("it has stopped, and answers")


# -- socketserver ----------------------------------------------------------------------------------


class Lines(socketserver.StreamRequestHandler):
    """Answers a line."""

    def handle(self) -> None:
        line = self.rfile.readline()
        self.server.amid()  # type: ignore[attr-defined]
        self.wfile.write(line.upper())


class Datagrams(socketserver.BaseRequestHandler):
    """Answers a datagram."""

    def handle(self) -> None:
        data, sock = self.request
        self.server.amid()  # type: ignore[attr-defined]
        sock.sendto(data.upper(), self.client_address)


class TCP(socketserver.TCPServer):
    request_queue_size = CLIENTS
    amid = staticmethod(nothing)


class Unix(socketserver.UnixStreamServer):
    request_queue_size = CLIENTS
    amid = staticmethod(nothing)


class UDP(socketserver.UDPServer):
    amid = staticmethod(nothing)


class ThreadingTCP(socketserver.ThreadingMixIn, TCP):
    amid = staticmethod(room.enter)


class ThreadingUnix(socketserver.ThreadingMixIn, Unix):
    amid = staticmethod(room.enter)


class ThreadingUDP(socketserver.ThreadingMixIn, UDP):
    amid = staticmethod(room.enter)


class ForkingTCP(socketserver.ForkingMixIn, TCP):
    pass


class ForkingUDP(socketserver.ForkingMixIn, UDP):
    pass


def ask_line(address: Any, number: int) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock, sock.makefile("rwb") as file:
        sock.settimeout(LONG)
        sock.connect(address)
        file.write(b"line %d\n" % number)
        file.flush()
        return file.readline() == b"LINE %d\n" % number


def ask_datagram(address: Any, number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LONG)
        sock.connect(address)
        sock.send(b"datagram %d" % number)
        return sock.recv(1000) == b"DATAGRAM %d" % number


def tcp() -> None:
    serve(TCP(("127.0.0.1", 0), Lines), ask_line)


def threading_tcp() -> None:
    serve(ThreadingTCP(("127.0.0.1", 0), Lines), ask_line)


def forking_tcp() -> None:
    serve(ForkingTCP(("127.0.0.1", 0), Lines), ask_line)


def unix() -> None:
    with tempfile.TemporaryDirectory() as folder:
        serve(Unix(f"{folder}/socket", Lines), ask_line)


def threading_unix() -> None:
    with tempfile.TemporaryDirectory() as folder:
        serve(ThreadingUnix(f"{folder}/socket", Lines), ask_line)


def udp() -> None:
    serve(UDP(("127.0.0.1", 0), Datagrams), ask_datagram)


def threading_udp() -> None:
    serve(ThreadingUDP(("127.0.0.1", 0), Datagrams), ask_datagram)


def forking_udp() -> None:
    serve(ForkingUDP(("127.0.0.1", 0), Datagrams), ask_datagram)


# -- http.server -----------------------------------------------------------------------------------


class Pages(BaseHTTPRequestHandler):
    """Sends back what was sent, over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.amid()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Http(HTTPServer):
    request_queue_size = CLIENTS
    amid = staticmethod(nothing)


class ThreadingHttp(ThreadingHTTPServer):
    request_queue_size = CLIENTS
    daemon_threads = False
    amid = staticmethod(room.enter)


def ask_page(address: Any, number: int) -> bool:
    body = b"%d" % number * 100_000
    host, port = address
    connection = http.client.HTTPConnection(host, port, timeout=LONG)
    try:
        for _ in range(2):
            connection.request("POST", "/", body)
            if connection.getresponse().read() != body:
                return False
    finally:
        connection.close()
    return True


def http_server() -> None:
    serve(Http(("127.0.0.1", 0), Pages), ask_page)


def threading_http_server() -> None:
    serve(ThreadingHttp(("127.0.0.1", 0), Pages), ask_page)


# -- wsgiref ---------------------------------------------------------------------------------------


class Wsgi(wsgiref.simple_server.WSGIServer):
    request_queue_size = CLIENTS


class ThreadingWsgi(socketserver.ThreadingMixIn, Wsgi):
    pass


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def application(amid: Callable[[], None]) -> Any:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        amid()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    return wsgiref.validate.validator(app)


def ask_wsgi(address: Any, number: int) -> bool:
    host, port = address
    with urllib.request.urlopen(f"http://{host}:{port}/{number}", timeout=LONG) as answer:
        return bool(answer.read() == b"/%d" % number)


def made(app: Any, server_class: Any) -> Any:
    return wsgiref.simple_server.make_server("127.0.0.1", 0, app, server_class, Quiet)


def wsgi() -> None:
    serve(made(application(nothing), Wsgi), ask_wsgi)


def threading_wsgi() -> None:
    serve(made(application(room.enter), ThreadingWsgi), ask_wsgi)


# -- xmlrpc ----------------------------------------------------------------------------------------


class Rpc(xmlrpc.server.SimpleXMLRPCServer):
    request_queue_size = CLIENTS


class ThreadingRpc(socketserver.ThreadingMixIn, Rpc):
    pass


def ask_rpc(address: Any, number: int) -> bool:
    host, port = address
    with xmlrpc.client.ServerProxy(f"http://{host}:{port}/") as server:
        return server.double(number) == 2 * number


def _rpc(kind: type[Rpc], amid: Callable[[], None]) -> None:
    def double(number: int) -> int:
        amid()
        return 2 * number

    server = kind(("127.0.0.1", 0), logRequests=False)
    server.register_function(double)  # type: ignore[arg-type]  # typeshed wants other types
    serve(server, ask_rpc)


def rpc() -> None:
    _rpc(Rpc, nothing)


def threading_rpc() -> None:
    _rpc(ThreadingRpc, room.enter)


CASES = [
    tcp, threading_tcp, forking_tcp, unix, threading_unix, udp, threading_udp, forking_udp,
    http_server, threading_http_server, wsgi, threading_wsgi, rpc, threading_rpc,
]  # fmt: skip
