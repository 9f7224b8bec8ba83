"""websocket-client: send a message, get it back."""

import websocket


def call(server, number):
    connection = websocket.create_connection(f"ws://{server.host}:{server.port}", timeout=10)
    try:
        connection.send(str(number))
        return int(connection.recv())
    finally:
        connection.close()
