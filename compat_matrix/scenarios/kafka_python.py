"""kafka-python: one producer with its thread, and a pool of consumers that get it back."""

from contextlib import contextmanager

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from compat_matrix.scenarios._pool import Pool

TOPIC = TopicPartition("greenbridge", 0)


@contextmanager
def opened(server):
    # The broker plays 3.7, but does not refuse newer requests as one does.
    where = {"bootstrap_servers": f"{server.host}:{server.port}", "api_version": (2, 0)}
    producer = KafkaProducer(**where)
    with Pool(lambda: KafkaConsumer(**where), size=25) as pool:
        yield producer, pool
    producer.close()


def call(client, number):
    producer, pool = client
    sent = producer.send(TOPIC.topic, str(number).encode(), partition=0).get(timeout=20)
    with pool.connection() as consumer:
        consumer.assign([TOPIC])
        consumer.seek(TOPIC, sent.offset)
        return int(next(iter(consumer)).value)
