"""Sending on librdkafka's mock cluster: schedules, ends, a full queue, and records that are refused."""

import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka import Message as Record

from supervisor.load_flaws import Flaw, Flawed
from supervisor.payload import Batch, Message, Payload, SensorPayload
from supervisor.recorder import Recorder
from supervisor.schedule import Recorded, Schedule, Steady, Unlimited
from supervisor.sender import Sender
from tests.unit.mock_cluster import mock_cluster

TOPIC = "readings"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster(TOPIC) as address:
        yield address


def make_sender(
    broker: str,
    schedule: Schedule,
    *,
    count: int | None = None,
    duration: float | None = None,
    payload: Payload | None = None,
    queue: int = 100_000,
    kbytes: int = 100_000,
    bulk: bool = False,
    overtime: float | None = 10.0,
    topic: str = TOPIC,
) -> Sender:
    properties = {
        "queue.buffering.max.messages": queue,
        "queue.buffering.max.kbytes": kbytes,
        "delivery.report.only.error": bulk,
    }
    return Sender(
        Producer({"bootstrap.servers": broker, "log_level": 0, **properties}),
        topic,
        payload or SensorPayload(),
        schedule,
        Recorder(),
        count=count,
        duration=duration,
        queue=queue,
        bulk=bulk,
        overtime=overtime,
    )


def read(broker: str, topic: str, count: int) -> list[bytes]:
    """The values in a topic."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "test", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    found: list[bytes] = []
    deadline = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline:
        found += [message.value() or b"" for message in consumer.consume(1000, 0.1)]
    consumer.close()
    return found


def send_all(sender: Sender) -> Recorder:
    sender.run_until(time.monotonic() + 20)
    assert sender.done
    assert sender.finish(20)
    return sender.recorder


@pytest.mark.parametrize("bulk", [False, True])
def test_a_count_ends_the_load(broker: str, bulk: bool) -> None:
    recorder = send_all(make_sender(broker, Unlimited(), count=1234, bulk=bulk))
    assert (recorder.sent, recorder.acknowledged, recorder.failed) == (1234, 1234, 0)
    assert recorder.latencies.count == 1234


@pytest.mark.parametrize("bulk", [False, True])
def test_a_duration_ends_the_load_with_all_that_was_due(broker: str, bulk: bool) -> None:
    sender = make_sender(broker, Steady(2000), duration=0.5, bulk=bulk)
    recorder = send_all(sender)
    assert recorder.acknowledged == 1000
    assert sender.elapsed == pytest.approx(0.5, abs=0.1)
    assert sender.behind == 0


@pytest.mark.parametrize("bulk", [False, True])
def test_a_full_queue_holds_the_load_back_and_loses_nothing(broker: str, bulk: bool) -> None:
    recorder = send_all(make_sender(broker, Unlimited(), count=3000, queue=100, bulk=bulk))
    assert recorder.acknowledged == 3000


@pytest.mark.parametrize("bulk", [False, True])
def test_a_record_that_is_too_large_is_a_failure_by_name(broker: str, bulk: bool) -> None:
    recorder = send_all(make_sender(broker, Unlimited(), count=3, payload=SensorPayload(size=2_000_000), bulk=bulk))
    assert recorder.failures == {"MSG_SIZE_TOO_LARGE": 3}
    assert recorder.outstanding == 0


def test_it_returns_at_the_deadline_and_goes_on_where_it_was(broker: str) -> None:
    sender = make_sender(broker, Steady(100), count=20)
    sender.run_until(time.monotonic() + 0.05)
    assert not sender.done
    assert sender.recorder.sent < 20
    assert send_all(sender).acknowledged == 20


def test_a_latency_counts_from_when_a_record_was_due_not_from_when_there_was_room_for_it(broker: str) -> None:
    sender = make_sender(broker, Steady(1000), count=100)
    sender.begin_at(time.monotonic() - 3)  # as if nothing could be sent for three seconds
    latencies = send_all(sender).latencies
    shortest = latencies.percentile(0)
    assert shortest is not None
    assert shortest >= 2.8


@pytest.mark.parametrize("bulk", [False, True])
def test_what_was_due_is_sent_when_the_time_is_over_and_its_latency_tells_of_it(broker: str, bulk: bool) -> None:
    sender = make_sender(broker, Steady(5000), duration=1, bulk=bulk)
    sender.begin_at(time.monotonic() - 3)  # as if nothing could be sent for three seconds
    recorder = send_all(sender)
    assert (recorder.acknowledged, recorder.failed, sender.behind) == (5000, 0, 0)
    shortest = recorder.latencies.percentile(0)
    assert shortest is not None
    assert shortest >= 1.9


def test_a_load_that_is_only_late_when_it_is_stopped_has_failed_at_nothing(broker: str) -> None:
    sender = make_sender(broker, Steady(1000), duration=60)
    sender.begin_at(time.monotonic() - 30)
    sender.run_until(time.monotonic() + 0.001)
    sender.stop()
    assert sender.behind > 0
    assert sender.finish(10)
    assert sender.recorder.failed == 0


@pytest.mark.parametrize("bulk", [False, True])
def test_without_a_broker_the_schedule_goes_on_and_what_is_given_up_counts_as_failed(bulk: bool) -> None:
    sender = make_sender("127.0.0.1:1", Steady(1000), duration=0.4, queue=10, bulk=bulk, overtime=0.3)
    sender.run_until(time.monotonic() + 5)
    assert sender.done
    assert 0.7 <= sender.elapsed < 2
    recorder = sender.recorder
    assert recorder.failures == {"UNSENT": 400 - recorder.sent} == {"UNSENT": sender.behind}
    assert not sender.finish(0.05)
    sender.abandon()
    assert recorder.acknowledged == recorder.outstanding == 0
    assert recorder.failed == 400
    if bulk:  # where there is no room for a whole slice, none of it is sent: of 10 places some may stay free
        assert 0 < recorder.sent <= 10
    else:
        assert recorder.sent == 10


def test_what_was_due_when_it_is_stopped_has_failed() -> None:
    sender = make_sender("127.0.0.1:1", Steady(1000), queue=10)
    sender.run_until(time.monotonic() + 0.5)
    sender.stop()
    assert sender.recorder.failed == sender.behind > 300
    sender.abandon()


@pytest.mark.parametrize("schedule", [Unlimited(), Recorded([0.0, 0.0, 9.0])])
def test_nothing_is_sent_before_the_load_begins(broker: str, schedule: Schedule) -> None:
    sender = make_sender(broker, schedule, count=2)
    sender.begin_at(time.monotonic() + 0.2)
    sender.run_until(time.monotonic() + 0.1)
    assert (sender.recorder.sent, sender.behind, sender.elapsed) == (0, 0, 0.0)
    recorder = send_all(sender)
    assert recorder.acknowledged == recorder.latencies.count == 2
    assert 0.0 < sender.elapsed < 1


def test_a_rate_that_is_only_tried_ends_in_time_and_what_is_left_is_no_failure() -> None:
    sender = make_sender("127.0.0.1:1", Steady(1000), duration=0.2, queue=10, overtime=None)
    sender.run_until(time.monotonic() + 5)
    assert 0.2 <= sender.elapsed < 1
    assert (sender.behind, sender.recorder.failed) == (190, 0)
    sender.abandon()


@pytest.mark.parametrize("bulk", [False, True])
def test_a_queue_that_is_full_by_its_bytes_keeps_nobody_from_ending_the_load(bulk: bool) -> None:
    sender = make_sender("127.0.0.1:1", Steady(100_000), payload=SensorPayload(size=900), kbytes=10, bulk=bulk)
    begun = time.monotonic()
    sender.run_until(begun + 0.3)
    assert time.monotonic() - begun < 1
    assert not sender.done
    assert sender.recorder.sent == 10 * 1024 // 911  # with their keys
    sender.stop()
    assert sender.recorder.failed == sender.behind > 10_000
    sender.abandon()
    assert sender.recorder.outstanding == 0


@pytest.mark.parametrize("bulk", [False, True])
def test_few_large_records_are_made_at_once(bulk: bool) -> None:
    made: list[int] = []

    class Noting(SensorPayload):
        def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
            made.append(len(seqs))
            return super().messages(seqs, dues)

    sender = make_sender("127.0.0.1:1", Unlimited(), payload=Noting(size=900_000), kbytes=100_000, bulk=bulk)
    sender.run_until(time.monotonic() + 0.3)
    sender.abandon()
    assert len(made) > 10
    assert set(made) == {4}


@pytest.mark.parametrize("bulk", [False, True])
def test_a_queue_that_is_full_by_its_bytes_loses_nothing_and_changes_no_order(broker: str, bulk: bool) -> None:
    class Mixed(SensorPayload):
        """Every other record is much larger: where it has no room, the next one would have."""

        def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:  # noqa: ARG002 they are not told
            return [{"key": b"k", "value": b"%d" % seq + b" " * 3000 * (seq % 2)} for seq in seqs]

        def bulk(self, seqs: range, due: int) -> Iterable[Batch]:
            return [(0, self.messages(seqs, [due] * len(seqs)))]

    topic = f"mixed-{bulk}"
    sender = make_sender(broker, Unlimited(), count=3000, payload=Mixed(), kbytes=100, bulk=bulk, topic=topic)
    assert send_all(sender).acknowledged == 3000
    assert [int(value) for value in read(broker, topic, 3000)] == list(range(3000))


def test_a_record_that_is_sent_twice_moves_no_other_records_time(broker: str) -> None:
    seen: dict[int, set[float]] = {}

    class Noting(Recorder):
        def delivered(self, due: float, error: KafkaError | None, message: Record) -> None:
            super().delivered(due, error, message)
            seen.setdefault(json.loads(message.value() or b"")["seq"], set()).add(due)

    payload = Flawed(SensorPayload(), {Flaw.DUPLICATE: 0.5}, 0, 0, random.Random(1))
    producer, schedule, begun = Producer({"bootstrap.servers": broker, "log_level": 0}), Steady(2000), time.monotonic()
    sender = Sender(producer, TOPIC, payload, schedule, Noting(), count=1000)
    sender.begin_at(begun - 1)
    assert send_all(sender).acknowledged > 1400
    assert seen == {number: {begun - 1 + schedule.at(number)} for number in range(1000)}


def test_a_share_of_the_load_has_its_own_numbers(broker: str) -> None:
    seen: list[int] = []

    class Noting(SensorPayload):
        def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
            seen.extend(seqs)
            return super().messages(seqs, dues)

    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    send_all(Sender(producer, TOPIC, Noting(), Unlimited(), Recorder(), count=5, first=102, step=3))
    assert seen == [102, 105, 108, 111, 114]


def test_a_later_load_is_made_in_the_same_slices_as_the_first(broker: str) -> None:
    """For a payload may have pages of them, which cost next to nothing."""
    slices: list[range] = []

    class Noting(SensorPayload):
        def bulk(self, seqs: range, due: int) -> Iterable[Batch]:
            slices.append(seqs)
            return super().bulk(seqs, due)

    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    send_all(Sender(producer, TOPIC, Noting(), Unlimited(), Recorder(), count=1800, first=2201, step=2, bulk=True))
    assert slices == [range(2201, 4001, 2), range(4001, 5801, 2)]


def test_nothing_to_send_is_all_sent(broker: str) -> None:
    sender = make_sender(broker, Unlimited(), count=0)
    assert sender.share_done == 1
    assert send_all(sender).sent == 0


def test_how_much_is_done(broker: str) -> None:
    assert make_sender(broker, Unlimited()).share_done is None
    sender = make_sender(broker, Unlimited(), count=10)
    assert sender.share_done == 0
    send_all(sender)
    assert sender.share_done == 1


def test_in_bulk_what_never_fits_is_a_failure_and_the_load_ends(broker: str) -> None:
    sender = make_sender(broker, Unlimited(), count=3, payload=SensorPayload(size=200_000), kbytes=100, bulk=True)
    recorder = send_all(sender)
    assert recorder.failures == {"MSG_SIZE_TOO_LARGE": 3}


def test_in_bulk_what_has_failed_lends_its_time_to_no_other() -> None:
    recorder, long_ago = Recorder(), time.monotonic() - 300
    recorder.handed_over(long_ago, 2)
    for _ in range(2):
        recorder.undelivered(KafkaError(KafkaError._MSG_TIMED_OUT), None)  # type: ignore[arg-type]  # not looked at
    recorder.settled(0)
    recorder.handed_over(time.monotonic(), 5)
    recorder.settled(0)
    assert (recorder.acknowledged, recorder.failed) == (5, 2)
    longest = recorder.latencies.percentile(1)
    assert longest is not None
    assert longest < 10
