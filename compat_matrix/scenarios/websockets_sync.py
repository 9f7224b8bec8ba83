"""websockets, its synchronous client, which has a thread of its own for each connection."""

from websockets.sync.client import connect


def call(server, number):
    with connect(f"ws://{server.host}:{server.port}") as connection:
        connection.send(str(number))
        return int(connection.recv(timeout=10))
