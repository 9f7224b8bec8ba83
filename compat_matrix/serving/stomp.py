"""A STOMP broker that keeps its queues in memory, by CoilMQ.

python -m compat_matrix.serving.stomp
"""

from __future__ import annotations

import logging

from coilmq.queue import QueueManager
from coilmq.scheduler import FavorReliableSubscriberScheduler, RandomQueueScheduler
from coilmq.server.socket_server import ThreadedStompServer
from coilmq.store.memory import MemoryQueue
from coilmq.topic import TopicManager

from ._ending import announce, end_with_stdin


def main() -> None:
    """Serve until standard input ends."""
    end_with_stdin()
    logging.disable()
    queues = QueueManager(
        store=MemoryQueue(),
        subscriber_scheduler=FavorReliableSubscriberScheduler(),
        queue_scheduler=RandomQueueScheduler(),
    )
    ThreadedStompServer.request_queue_size = 200
    server = ThreadedStompServer(
        ("127.0.0.1", 0), queue_manager=queues, topic_manager=TopicManager(), timeout=60
    )
    announce(port=server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
