"""librdkafka's own brokers, in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer


@contextmanager
def mock_cluster(*topics: str) -> Iterator[str]:
    """One broker with these topics; its address."""
    cluster = Producer({"bootstrap.servers": "in memory", "test.mock.num.brokers": 1, "log_level": 0})
    for topic in topics:
        cluster.list_topics(topic, timeout=10)  # which makes it
    (broker,) = cluster.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    del cluster
