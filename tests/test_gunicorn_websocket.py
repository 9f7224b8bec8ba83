"""WebSockets under the gunicorn worker: Flask-Sock and simple-websocket, unmodified."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .gunicorn_server import LONG, Gunicorn, eventually

pytest.importorskip("gunicorn", reason="gunicorn is not installed (extra: compat)")
pytest.importorskip("flask_sock", reason="flask-sock is not installed (extra: compat)")
websocket: Any = pytest.importorskip(
    "websocket", reason="websocket-client is not installed (extra: compat)"
)

APP = """
import time
from flask import Flask
from flask_sock import Sock
from simple_websocket import ConnectionClosed

app = Flask(__name__)
app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": 1}
sock = Sock(app)
inside = ended = 0

@sock.route("/echo")
def echo(ws):
    global inside, ended
    inside += 1
    try:
        while True:
            message = ws.receive()
            if message == "gate":
                while inside < 20:
                    time.sleep(0.005)
            ws.send(message)
    finally:
        ended += 1

@sock.route("/push")
def push(ws):
    for n in range(3):
        time.sleep(0.01)
        ws.send(str(n))

@app.route("/ended")
def count():
    return str(ended)
"""


def connect(server: Gunicorn, path: str) -> Any:
    host, port = server.address
    return websocket.create_connection(f"ws://{host}:{port}{path}", timeout=LONG)


@pytest.mark.parametrize("loop", ["auto", "asyncio"])
def test_flask_sock(loop: str) -> None:
    options = ("--asgi-loop", loop, "--timeout", "2")
    with Gunicorn(*options, app="own:app", own__py=APP) as server:
        client = connect(server, "/echo")
        for message in ("one", "x" * 100_000):
            client.send(message)
            assert client.recv() == message
        client.send_binary(b"\x00\xff")
        assert client.recv() == b"\x00\xff"

        def gate(_: int) -> Any:
            other = connect(server, "/echo")
            other.send("gate")
            try:
                return other.recv()
            finally:
                other.close()

        with ThreadPoolExecutor(19) as pool:  # all of them are open at once
            assert list(pool.map(gate, range(19))) == ["gate"] * 19
        pushed = connect(server, "/push")
        assert [pushed.recv() for _ in range(3)] == ["0", "1", "2"]
        assert pushed.recv() == ""  # the server has closed it
        pushed.shutdown()
        client.close()
        eventually(lambda: server.get("/ended") == b"20")
        assert "Traceback" not in server.log


def test_a_websocket_may_be_silent_for_longer_than_a_request() -> None:
    app = APP.replace('"ping_interval": 1', "")
    with Gunicorn("--timeout", "1", app="own:app", own__py=app) as server:
        client = connect(server, "/echo")
        client.settimeout(2)
        with pytest.raises(websocket.WebSocketTimeoutException):
            client.recv()
        client.settimeout(LONG)
        client.send("still there")
        assert client.recv() == "still there"
        client.close()


def test_a_client_that_breaks_off_ends_the_handler() -> None:
    with Gunicorn(app="own:app", own__py=APP) as server:
        client = connect(server, "/echo")
        client.send("x")
        client.recv()
        client.sock.close()
        eventually(lambda: server.get("/ended") == b"1")
        assert "Traceback" not in server.log
