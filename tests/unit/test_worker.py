"""What a worker does before it begins, on librdkafka's mock cluster."""

from collections.abc import Iterator
from time import monotonic

import pytest
from confluent_kafka import Producer

from tests.unit.mock_cluster import mock_cluster
from workers import kafka, worker

QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster("out") as address:
        yield address


def make_producer(broker: str) -> Producer:
    return Producer(kafka.worker_producer({"bootstrap.servers": broker, **QUIET}, 1_000_000, lambda _: None))


def test_a_new_workers_first_results_are_soon_acknowledged(broker: str) -> None:
    """Not after the 500 ms that an idempotent producer waits where it is given a message before it is connected."""
    seconds: list[float] = []
    for _ in range(5):
        producer = make_producer(broker)
        began = monotonic()
        worker._await_brokers(producer, "in")
        producer.produce("out", b"x")
        assert producer.flush(10) == 0
        seconds.append(monotonic() - began)
    assert min(seconds) < 0.4


def test_where_brokers_are_away_a_worker_begins_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CONNECT_SECONDS", 0.1)
    worker._await_brokers(make_producer("127.0.0.1:1"), "in")
