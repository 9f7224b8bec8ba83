"""pika: a blocking connection to RabbitMQ; publish to a queue of its own and get it back."""

import pika


def call(server, number):
    credentials = pika.PlainCredentials(server.extra["user"], server.extra["password"])
    where = pika.ConnectionParameters(server.host, server.port, credentials=credentials)
    connection = pika.BlockingConnection(where)
    try:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", queue, str(number))
        for _, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=10):
            return int(body)
    finally:
        connection.close()
