"""confluent-kafka: calls that wait for the broker, in real threads, by subclasses of its own.

librdkafka waits in C and gives the GIL back. Callbacks run in the thread of the call that
serves them. https://docs.confluent.io/platform/current/clients/confluent-kafka-python/html/
"""

from __future__ import annotations

from typing import Any

import confluent_kafka

from .._offload import offload

__all__ = ("Consumer", "Producer")

_Consumer: Any = confluent_kafka.Consumer  # Any: the C classes have no types
_Producer: Any = confluent_kafka.Producer


class Consumer(_Consumer):  # type: ignore[misc]  # a class without types
    """``confluent_kafka.Consumer`` that lets green code run while it waits.

    On cancellation the call goes on in its thread until its own timeout, and what it takes is lost:
    give ``poll`` and ``consume`` short timeouts.
    """

    __module__ = "confluent_kafka"

    def poll(self, *args: Any, **kwargs: Any) -> Any:
        """Take one message or event; the timeout is in seconds."""
        return offload(super().poll, *args, **kwargs)

    def consume(self, *args: Any, **kwargs: Any) -> Any:
        """Take several messages; the timeout is in seconds."""
        return offload(super().consume, *args, **kwargs)

    def commit(self, *args: Any, **kwargs: Any) -> Any:
        """Commit offsets."""
        return offload(super().commit, *args, **kwargs)

    def committed(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for committed offsets."""
        return offload(super().committed, *args, **kwargs)

    def get_watermark_offsets(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for the first and the next offset of a partition."""
        return offload(super().get_watermark_offsets, *args, **kwargs)

    def list_topics(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for the topics."""
        return offload(super().list_topics, *args, **kwargs)

    def offsets_for_times(self, *args: Any, **kwargs: Any) -> Any:
        """Ask which offsets belong to times."""
        return offload(super().offsets_for_times, *args, **kwargs)

    def close(self) -> Any:
        """Leave the group."""
        return offload(super().close)


class Producer(_Producer):  # type: ignore[misc]  # a class without types
    """``confluent_kafka.Producer`` that lets green code run while it waits."""

    __module__ = "confluent_kafka"

    def flush(self, *args: Any) -> Any:
        """Wait until everything is delivered; the timeout is in seconds."""
        return offload(super().flush, *args)

    def poll(self, *args: Any) -> Any:
        """Serve callbacks; the timeout is in seconds."""
        return offload(super().poll, *args)

    def list_topics(self, *args: Any, **kwargs: Any) -> Any:
        """Ask for the topics."""
        return offload(super().list_topics, *args, **kwargs)
