"""A Kafka broker in memory: the one that librdkafka has for tests, over TCP, by confluent-kafka.

    python -m compat_matrix.serving.kafka LATENCY

It waits with its answers itself, since it tells clients its own address and not that of a proxy.
"""

from __future__ import annotations

import sys
import threading

from confluent_kafka import Producer

from ._ending import announce, end_with_stdin


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    mock = {
        "test.mock.num.brokers": 1,
        "test.mock.broker.rtt": round(float(sys.argv[1]) * 1000),  # in ms
        "log_level": 0,
    }
    # The broker lives with the client that asked for it.
    owner = Producer({"bootstrap.servers": "127.0.0.1:1", **mock})
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    announce(port=broker.port)
    threading.Event().wait()


if __name__ == "__main__":
    main()
