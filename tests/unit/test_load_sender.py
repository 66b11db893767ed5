"""Sending on librdkafka's mock cluster: schedules, ends, a full queue, and records that are refused."""

import time
from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import Producer

from supervisor.payload import Message, SensorPayload
from supervisor.recorder import Recorder
from supervisor.schedule import Schedule, Steady, Unlimited
from supervisor.sender import Sender

TOPIC = "readings"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    cluster = Producer({"bootstrap.servers": "in memory", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = cluster.list_topics(TOPIC, timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    del cluster


def make_sender(
    broker: str,
    schedule: Schedule,
    *,
    count: int | None = None,
    duration: float | None = None,
    payload: SensorPayload | None = None,
    queue: int = 100_000,
    bulk: bool = False,
) -> Sender:
    properties = {"queue.buffering.max.messages": queue, "delivery.report.only.error": bulk}
    producer = Producer({"bootstrap.servers": broker, "log_level": 0, **properties})
    payload = payload or SensorPayload()
    return Sender(
        producer, TOPIC, payload, schedule, Recorder(), count=count, duration=duration, queue=queue, bulk=bulk
    )


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
def test_without_a_broker_the_schedule_goes_on_and_what_is_given_up_counts_as_failed(bulk: bool) -> None:
    sender = make_sender("127.0.0.1:1", Steady(1000), duration=0.4, queue=10, bulk=bulk)
    sender.run_until(time.monotonic() + 5)
    assert sender.done
    assert sender.behind >= 250
    assert not sender.finish(0.05)
    sender.abandon()
    assert sender.recorder.acknowledged == 0
    assert sender.recorder.failed == sender.recorder.sent
    assert 0 < sender.recorder.sent <= 10, "no more than there was room for"


def test_a_share_of_the_load_has_its_own_numbers(broker: str) -> None:
    seen: list[int] = []

    class Noting(SensorPayload):
        def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
            seen.extend(seqs)
            return super().messages(seqs, dues)

    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    send_all(Sender(producer, TOPIC, Noting(), Unlimited(), Recorder(), count=5, first=102, step=3))
    assert seen == [102, 105, 108, 111, 114]


def test_how_much_is_done(broker: str) -> None:
    assert make_sender(broker, Unlimited()).share_done is None
    sender = make_sender(broker, Unlimited(), count=10)
    assert sender.share_done == 0
    send_all(sender)
    assert sender.share_done == 1
