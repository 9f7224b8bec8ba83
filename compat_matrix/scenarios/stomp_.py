"""stomp.py: a connection with a thread of its own, which hears what it sends."""

import queue

import stomp


class Heard(stomp.ConnectionListener):
    def __init__(self):
        self.bodies = queue.Queue()

    def on_message(self, frame):
        self.bodies.put(frame.body)


def call(server, number):
    heard = Heard()
    connection = stomp.Connection([(server.host, server.port)])
    connection.set_listener("", heard)
    connection.connect(wait=True)
    try:
        connection.subscribe(f"/queue/greenbridge-{number}", id=str(number))
        connection.send(f"/queue/greenbridge-{number}", str(number))
        return int(heard.bodies.get(timeout=10))
    finally:
        connection.disconnect()
