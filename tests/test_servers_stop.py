"""StreamServer: stopping, pausing, and what ends it."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket as stdlib
import threading
from typing import Any

import pytest

import greenbridge
from greenbridge import sleep, spawn
from greenbridge.servers import StreamServer

from .echo_servers import ask, connect, echo
from .fresh import in_fresh_python
from .green import LONG, SHORT, in_green, until


@in_green
def test_stop_waits_for_the_pool_and_kills_what_takes_too_long() -> None:
    begun: list[bytes] = []
    ended: list[str] = []

    def handle(sock: stdlib.socket, address: Any) -> None:
        what = sock.recv(10)
        begun.append(what)
        try:
            if what == b"short":
                sleep(SHORT)
                ended.append("short")
            else:
                sleep(LONG)
        finally:
            ended.append(f"end of {what.decode()}")

    server = StreamServer("127.0.0.1:0", handle, spawn=10)
    server.start()
    clients = [connect(server) for _ in range(2)]
    clients[0].sendall(b"short")
    clients[1].sendall(b"long")
    until(lambda: len(begun) == 2)
    server.stop(timeout=50 * SHORT)
    assert ended == ["short", "end of short", "end of long"]
    assert [client.recv(1) for client in clients] == [b"", b""]
    for client in clients:
        client.close()
    server.stop()  # nothing happens
    with pytest.raises(RuntimeError, match="make a new server"):
        server.start()


@in_green
def test_without_a_pool_stop_leaves_handlers_alone() -> None:
    with StreamServer("127.0.0.1:0", echo) as server:
        client = connect(server)
        assert ask(client, b"x") == b"x"
    assert ask(client, b"y") == b"y"
    client.close()


@pytest.mark.parametrize("pool", [5, "default"])
@in_green
def test_a_handler_may_stop_its_server(pool: Any) -> None:
    def handle(sock: stdlib.socket, address: Any) -> None:
        server.stop()
        sock.sendall(b"stopped")

    server = StreamServer("127.0.0.1:0", handle, spawn=pool)
    serving = spawn(server.serve_forever)
    sleep(SHORT)
    client = connect(server)
    assert client.recv(10) == b"stopped"
    serving.get(timeout=LONG)
    client.close()


@in_green
def test_serve_forever_ends_with_close_and_with_kill() -> None:
    server = StreamServer("127.0.0.1:0", echo)
    serving = spawn(server.serve_forever)
    sleep(SHORT)
    assert server.started
    server.close()
    serving.get(timeout=LONG)

    server = StreamServer("127.0.0.1:0", echo)
    serving = spawn(server.serve_forever)
    sleep(SHORT)
    serving.kill()
    assert server.closed


@in_green
def test_it_can_pause() -> None:
    with StreamServer("127.0.0.1:0", echo) as server:
        server.stop_accepting()
        sleep(0)
        assert not server.started
        client = connect(server)
        client.sendall(b"x")
        client.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            client.recv(1)
        server.start_accepting()
        client.settimeout(LONG)
        assert client.recv(1) == b"x"
        client.close()


@in_fresh_python
def test_in_a_plain_program_serve_forever_starts_everything() -> None:
    def visit() -> None:
        with stdlib.create_connection(server.address, LONG) as client:
            client.sendall(b"end")
            assert client.recv(10) == b"end"

    def handle(sock: stdlib.socket, address: Any) -> None:
        sock.sendall(sock.recv(10))
        server.close()

    server = StreamServer("127.0.0.1:0", handle)
    server.start()
    visitor = threading.Thread(target=visit)
    visitor.start()
    server.serve_forever()
    visitor.join()


async def test_a_coroutine_may_start_it() -> None:
    with StreamServer("127.0.0.1:0", echo) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"x")
        assert await reader.read(10) == b"x"
        writer.close()
        await writer.wait_closed()


@in_fresh_python
def test_without_descriptors_it_pauses_and_goes_on() -> None:
    import resource

    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("greenbridge.servers").addHandler(handler)

    def main() -> None:
        with StreamServer("127.0.0.1:0", echo) as server:
            clients = [connect(server)]
            assert ask(clients[0], b"x") == b"x"
            clients.append(connect(server))
            most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (clients[0].fileno(), most[1]))
            clients[1].sendall(b"y")
            while not said:
                sleep(0.001)
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
            assert clients[1].recv(10) == b"y"
            for client in clients:
                client.close()

    greenbridge.run(main)
    assert "could not accept, and tries again in 0.01 s" in said[0]
    assert os.strerror(errno.EMFILE) in said[0]


@in_green
def test_a_listener_that_is_taken_away_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    server = StreamServer("127.0.0.1:0", echo)
    serving = spawn(server.serve_forever)
    sleep(SHORT)
    server.socket.close()
    serving.get(timeout=LONG)
    assert server.closed
    assert "cannot accept any more" in caplog.text
