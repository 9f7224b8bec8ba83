"""kombu over py-amqp: publish to a queue of its own and get it back."""

import kombu


def call(server, number):
    user, password = server.extra["user"], server.extra["password"]
    address = f"amqp://{user}:{password}@{server.host}:{server.port}//"
    connection = kombu.Connection(address, connect_timeout=10)
    with connection, connection.SimpleBuffer(f"greenbridge-{number}") as mine:
        mine.put({"number": number})
        message = mine.get(timeout=10)
        message.ack()
        return message.payload["number"]
