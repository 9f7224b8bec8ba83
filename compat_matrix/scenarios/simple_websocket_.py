"""simple-websocket, its client, which has a thread of its own for each connection."""

import simple_websocket


def call(server, number):
    client = simple_websocket.Client.connect(f"ws://{server.host}:{server.port}/")
    try:
        client.send(str(number))
        return int(client.receive(timeout=10))
    finally:
        client.close()
