"""confluent-kafka without a broker: what is shown is that its wait holds up nobody."""

from confluent_kafka import Consumer

from compat_matrix.services import LATENCY


def call(server, number):
    consumer = Consumer(
        {"bootstrap.servers": "127.0.0.1:1", "group.id": "greenbridge", "log_level": 0}
    )
    assert consumer.poll(LATENCY) is None
    return number
