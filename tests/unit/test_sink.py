"""Producing: on librdkafka's mock cluster, and, for refusals that it does not make, with a producer that plays them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from tests.support.wait import wait_for
from tests.unit.mock_cluster import mock_cluster
from workers import kafka
from workers.endings import SinkFailed
from workers.errors import ResultRefused
from workers.sink import KafkaSink, Parcel

QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster("out") as address:
        yield address


def make_sink(broker: str, **properties: Any) -> KafkaSink:
    user = {"bootstrap.servers": broker, **QUIET, **properties}
    return KafkaSink(Producer(kafka.worker_producer(user, 1_000_000, lambda _: None)))


def settle(sink: KafkaSink) -> None:
    wait_for(lambda: sink.wait(0.1) == 0, 10, every=0)


def read(broker: str, topic: str, partition: int, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "reader", **QUIET})
    consumer.assign([TopicPartition(topic, partition, 0)])
    return consumer.consume(count, 10)


def test_all_of_a_message_is_written(broker: str) -> None:
    sink = make_sink(broker)
    headers = [("a", b"1"), ("a", None)]
    assert sink.send(Parcel("whole", b"value", b"key", headers, 2, 1_600_000_000_000), "origin")
    assert sink.pending() > 0
    settle(sink)
    (message,) = read(broker, "whole", 2, 1)
    assert (message.key(), message.value(), message.headers()) == (b"key", b"value", headers)
    assert message.timestamp()[1] == 1_600_000_000_000
    assert (sink.pending(), sink.refusals) == (0, [])


def test_a_full_queue_takes_no_more_until_there_is_room(broker: str) -> None:
    sink = make_sink(broker, **{"queue.buffering.max.messages": 2, "linger.ms": 1000})
    sent = [sink.send(Parcel("out", b"x", None), number) for number in range(3)]
    assert sent == [True, True, False]
    settle(sink)
    assert sink.send(Parcel("out", b"x", None), 3)


@pytest.mark.parametrize(
    ("parcel", "properties"),
    [
        (Parcel("out", bytes(1_100_000), None), {}),
        (Parcel("out", bytes(5000), None), {"queue.buffering.max.kbytes": 1, "batch.size": 1}),
        (Parcel("x" * 600, b"x", None), {}),
    ],
    ids=["too large", "larger than the queue", "no topic's name"],
)
def test_what_can_never_be_written_is_its_records_failure(
    broker: str, parcel: Parcel, properties: dict[str, Any]
) -> None:
    sink = make_sink(broker, **properties)
    with pytest.raises(ResultRefused, match="cannot be written to"):
        sink.send(parcel, "origin")
    assert sink.send(Parcel("out", b"x", None), "next")


def test_a_partition_that_is_not_there_is_its_records_failure(broker: str) -> None:
    sink = make_sink(broker)
    assert sink.send(Parcel("out", b"x", None), "first")
    settle(sink)
    # Now the client knows the topic's partitions.
    for partition in (99, -5):
        with pytest.raises(ResultRefused, match="cannot be written to out"):
            sink.send(Parcel("out", b"x", None, partition=partition), "origin")


def test_a_partition_that_turns_out_not_to_be_there_is_its_records_failure_too(broker: str) -> None:
    sink = make_sink(broker)
    assert sink.send(Parcel("unheard-of", b"x", None, partition=99), "origin")
    settle(sink)
    assert [refusal.origin for refusal in sink.refusals] == ["origin"]


def test_a_dead_letter_of_the_largest_record_has_room_for_its_headers(broker: str) -> None:
    sink = make_sink(broker)
    assert sink.send(Parcel("out", bytes(1_000_000), b"key", [("pool.error.traceback", bytes(20_000))]), "origin")


class Refusing:
    """A producer that sends in batches of what is queued, and whose brokers refuse them."""

    def __init__(self, refuse: Callable[[list[bytes]], int | None]) -> None:
        self.batches: list[list[bytes]] = []
        self._refuse = refuse
        self._queue: list[tuple[str, bytes, Callable[[KafkaError, Message], None]]] = []

    def produce(self, topic: str, value: bytes, _key: bytes | None, *, on_delivery: Any, **_: Any) -> None:
        self._queue.append((topic, value, on_delivery))

    def poll(self, _timeout: float) -> int:
        return 0

    def flush(self, _timeout: float) -> int:
        batch, self._queue = self._queue, []
        values = [value for _, value, _ in batch]
        self.batches.append(values)
        code = self._refuse(values) if values else None
        for topic, value, on_delivery in batch:
            if code is not None:
                on_delivery(KafkaError(code), Message(topic=topic, value=value))
        return 0

    def __len__(self) -> int:
        return len(self._queue)


def refusing(refuse: Callable[[list[bytes]], int | None]) -> tuple[Refusing, KafkaSink]:
    producer = Refusing(refuse)
    return producer, KafkaSink(producer)  # type: ignore[arg-type]  # it plays one


def send_all(sink: KafkaSink, *values: bytes) -> None:
    for number, value in enumerate(values):
        assert sink.send(Parcel("out", value, None), number)


@pytest.mark.parametrize(
    "code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP]
)
def test_of_a_refused_batch_only_what_is_at_fault_is_refused(code: int) -> None:
    producer, sink = refusing(lambda values: code if b"bad" in values else None)
    send_all(sink, b"a", b"bad", b"c")
    assert sink.wait(1) == 0
    assert producer.batches == [[b"a", b"bad", b"c"], [b"a"], [b"bad"], [b"c"]]
    ((origin, error),) = sink.refusals
    assert origin == 1
    assert error.code == code


def test_a_batch_that_is_only_too_large_as_a_whole_loses_nothing() -> None:
    producer, sink = refusing(lambda values: KafkaError.MSG_SIZE_TOO_LARGE if len(values) > 1 else None)
    send_all(sink, b"a", b"b")
    assert sink.wait(1) == 0
    assert producer.batches[1:] == [[b"a"], [b"b"]]
    assert sink.refusals == []


def test_nothing_is_sent_beside_messages_that_are_sent_alone() -> None:
    _, sink = refusing(lambda values: KafkaError.MSG_SIZE_TOO_LARGE if len(values) > 1 else None)
    send_all(sink, b"a", b"b")
    # The wait is over when the batch is refused.
    assert sink.wait(0) == 2
    assert sink.pending() == 2
    assert not sink.send(Parcel("out", b"c", None), 2)
    assert sink.wait(1) == 0
    assert sink.send(Parcel("out", b"c", None), 2)


def test_an_unknown_topic_is_its_records_failure_at_once() -> None:
    producer, sink = refusing(lambda _: KafkaError.UNKNOWN_TOPIC_OR_PART)
    send_all(sink, b"a", b"b")
    assert sink.wait(1) == 0
    assert [refusal.origin for refusal in sink.refusals] == [0, 1]
    assert producer.batches == [[b"a", b"b"]]


def test_any_other_refusal_is_the_workers_end_and_stays_so() -> None:
    _, sink = refusing(lambda _: KafkaError.TOPIC_AUTHORIZATION_FAILED)
    send_all(sink, b"a")
    with pytest.raises(SinkFailed, match="cannot write to out"):
        sink.wait(1)
    with pytest.raises(SinkFailed):
        sink.pending()


def test_a_producer_that_refuses_for_good_is_the_workers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, sink = refusing(lambda _: None)

    def produce(*_: Any, **__: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL))

    monkeypatch.setattr(producer, "produce", produce)
    with pytest.raises(SinkFailed):
        sink.send(Parcel("out", b"a", None), 0)


def test_what_is_suspect_is_sent_alone_also_where_nobody_waits() -> None:
    """While results are held back, records go on being handled."""
    producer, sink = refusing(lambda values: KafkaError.MSG_SIZE_TOO_LARGE if b"bad" in values else None)
    send_all(sink, b"a", b"bad", b"b")
    producer.flush(0)
    assert sink.pending() == 3, "to ask sends nothing: the lease may be over"
    for _ in range(3):
        sink.send_suspects()
    assert sink.pending() == 0
    assert [refusal.origin for refusal in sink.refusals] == [1]
    assert [batch for batch in producer.batches if batch] == [[b"a", b"bad", b"b"], [b"a"], [b"bad"], [b"b"]]
