"""Reading one partition on librdkafka's mock cluster: batches, the end, and what is not there."""

import uuid
from collections.abc import Callable, Iterator
from time import monotonic
from unittest.mock import Mock

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer

from tests.support.wait import wait_for
from tests.unit.mock_cluster import mock_cluster
from workers import kafka
from workers.endings import OffsetOutOfRange, SourceFailed
from workers.source import IDLE_WAIT, LONGEST_IDLE_WAIT, Batch, KafkaSource

QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster("any") as address:
        yield address


@pytest.fixture
def topic(broker: str) -> str:
    """A topic with the records 0 to 99 in its partition 1."""
    topic = f"in-{uuid.uuid4().hex[:8]}"
    producer = Producer({"bootstrap.servers": broker, **QUIET})
    for number in range(100):
        producer.produce(topic, str(number).encode(), partition=1)
    assert producer.flush(10) == 0
    return topic


@pytest.fixture
def open_source(broker: str, topic: str) -> Callable[..., KafkaSource]:
    def open_at(start: int, batch_size: int = 1000) -> KafkaSource:
        settings = kafka.worker_consumer({"bootstrap.servers": broker, **QUIET}, "group", lambda _: None)
        return KafkaSource(Consumer(settings), topic, 1, start, batch_size)

    return open_at


def read_to_end(source: KafkaSource) -> tuple[list[Batch], int]:
    batches: list[Batch] = []

    def at_end() -> int | None:
        batches.append(source.poll())
        return batches[-1].end

    return batches, wait_for(at_end, 10, every=0) or 0


def test_it_reads_from_its_offset_to_the_end_and_tells_of_it(open_source: Callable[..., KafkaSource]) -> None:
    source = open_source(40)
    assert source.high_watermark() in (-1, 100), "not known yet, unless the first fetch was quicker"
    batches, end = read_to_end(source)
    assert [message.offset() for batch in batches for message in batch.messages] == list(range(40, 100))
    assert (end, source.high_watermark()) == (100, 100)
    assert source.poll() == Batch([])


def test_a_full_batch_tells_that_there_may_be_more(open_source: Callable[..., KafkaSource]) -> None:
    batches, _ = read_to_end(open_source(0, 30))
    assert all(batch.behind == (len(batch.messages) == 30) for batch in batches)
    assert any(batch.behind for batch in batches)


def test_a_poll_waits_no_longer_than_it_is_told(open_source: Callable[..., KafkaSource]) -> None:
    source = open_source(0)
    read_to_end(source)
    began = monotonic()
    assert source.poll(0.0004) == Batch([])
    assert 0.001 <= monotonic() - began < IDLE_WAIT


@pytest.mark.parametrize("size", [1, 7])
def test_a_poll_takes_no_more_than_its_batch(open_source: Callable[..., KafkaSource], size: int) -> None:
    batches, _ = read_to_end(open_source(0, size))
    assert max(len(batch.messages) for batch in batches) == size
    assert sum(len(batch.messages) for batch in batches) == 100


def test_an_offset_that_is_not_there_is_said(open_source: Callable[..., KafkaSource]) -> None:
    source = open_source(1000)
    with pytest.raises(OffsetOutOfRange):
        wait_for(lambda: source.poll().messages, 10, every=0)


@pytest.mark.parametrize("polls", [0, 1])
def test_while_nothing_is_polled_the_client_is_heard_and_nothing_is_left_out(
    broker: str, topic: str, polls: int
) -> None:
    reports: list[str] = []
    often: dict[str, str | int | float | bool] = {"bootstrap.servers": broker, "statistics.interval.ms": 10, **QUIET}
    source = KafkaSource(Consumer(kafka.worker_consumer(often, "group", reports.append)), topic, 1, 0, 7)
    offsets: list[int | None] = []
    if polls:
        offsets += wait_for(lambda: [message.offset() for message in source.poll().messages], 10, every=0)
    for _ in range(2):
        reports.clear()

        def heard() -> bool:
            source.serve()
            return len(reports) > 10

        wait_for(heard, 10, every=0.01)
        offsets += wait_for(lambda: [message.offset() for message in source.poll().messages], 10, every=0)
    batches, _ = read_to_end(source)
    offsets += [message.offset() for batch in batches for message in batch.messages]
    assert offsets == list(range(100))


def test_a_source_that_was_paused_before_it_was_served_stays_so() -> None:
    consumer = Mock(poll=Mock(return_value=None))
    source = KafkaSource(consumer, "in", 1, 0, 10)
    source.pause()
    source.serve()
    source.poll()
    assert consumer.resume.call_count == 0
    source.resume()
    source.serve()
    source.serve()
    source.poll()
    assert consumer.resume.call_count == 2
    assert consumer.pause.call_count == 3


def test_what_is_heard_meanwhile_is_told_by_the_next_poll() -> None:
    end = event(KafkaError._PARTITION_EOF, 5)
    consumer = Mock(poll=Mock(side_effect=[end, None, None]))
    source = KafkaSource(consumer, "in", 1, 0, 10)
    source.serve()
    assert [source.poll(), source.poll()] == [Batch([], 5), Batch([])]


def event(code: int, offset: int = 0) -> Message:
    return Message(topic="in", partition=1, offset=offset, error=KafkaError(code))


def read(*messages: Message) -> Batch:
    consumer = Mock()
    consumer.poll.return_value, consumer.consume.return_value = messages[0], list(messages[1:])
    return KafkaSource(consumer, "in", 1, 0, 1000).poll()


def test_an_end_between_records_is_no_record() -> None:
    first, last = (Message(topic="in", partition=1, offset=offset, value=b"x") for offset in (3, 6))
    assert read(first, event(KafkaError._PARTITION_EOF, 5), last) == Batch([first, last], 5)


def test_trouble_that_passes_is_waited_out() -> None:
    record = Message(topic="in", partition=1, offset=3, value=b"x")
    assert read(event(KafkaError._TRANSPORT), record, event(KafkaError.UNKNOWN_LEADER_EPOCH)) == Batch([record])


@pytest.mark.parametrize("code", [KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION])
def test_a_log_that_lost_records_is_for_the_supervisor_to_judge(code: int) -> None:
    with pytest.raises(OffsetOutOfRange):
        read(event(code))


def test_what_stays_wrong_ends_the_worker() -> None:
    with pytest.raises(SourceFailed, match="cannot read the partition"):
        read(Message(topic="in", partition=1, offset=3, value=b"x"), event(KafkaError.TOPIC_AUTHORIZATION_FAILED))


def test_the_longer_none_comes_the_longer_a_poll_waits() -> None:
    record = Message(topic="in", partition=1, offset=0, value=b"")
    consumer = Mock(poll=Mock(side_effect=[None] * 5 + [record, None]), consume=Mock(return_value=[]))
    source = KafkaSource(consumer, "in", 1, 0, 10)
    for _ in range(7):
        source.poll()
    waits = [call.args[0] for call in consumer.poll.call_args_list]
    assert waits == [
        IDLE_WAIT,
        2 * IDLE_WAIT,
        4 * IDLE_WAIT,
        LONGEST_IDLE_WAIT,
        LONGEST_IDLE_WAIT,
        LONGEST_IDLE_WAIT,
        IDLE_WAIT,
    ]
