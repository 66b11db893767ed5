"""The demo's observer and its verdict, on librdkafka's mock cluster: whatever is amiss in the topics is found."""

from collections.abc import Iterator
from itertools import count

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from supervisor.demo_app import Alert
from supervisor.demo_audit import Audit
from supervisor.demo_summary import Check, judge
from supervisor.payload import Reading
from supervisor.recorder import Recorder
from tests.unit.mock_cluster import mock_cluster


class Topics:
    """A pair of topics and a group of their own on the shared broker."""

    numbers = count()

    def __init__(self, broker: str) -> None:
        number = next(self.numbers)
        self.broker = broker
        self.readings, self.alerts, self.group = f"readings-{number}", f"alerts-{number}", f"group-{number}"
        self._producer = Producer({"bootstrap.servers": broker, "log_level": 0})
        for topic in (self.readings, self.alerts):
            self._producer.list_topics(topic, timeout=10)

    def read(self, seq: int, temperature: float) -> None:
        self._produce(self.readings, seq, Reading(f"device-{seq}", temperature, seq, 0))

    def alert(self, seq: int) -> None:
        self._produce(self.alerts, seq, Alert(f"device-{seq}", 60.0, seq, 0))

    def commit_all(self) -> None:
        consumer = Consumer({"bootstrap.servers": self.broker, "group.id": self.group, "log_level": 0})
        places = [TopicPartition(self.readings, number) for number in range(4)]
        ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
        offsets = [TopicPartition(self.readings, number, end) for number, end in enumerate(ends)]
        consumer.commit(offsets=offsets, asynchronous=False)
        consumer.close()

    def audited(self) -> Audit:
        audit = Audit(self.broker, self.group, self.readings, self.alerts)
        audit.read_to_end(10)
        return audit

    def _produce(self, topic: str, seq: int, value: msgspec.Struct) -> None:
        self._producer.produce(topic, msgspec.json.encode(value), str(seq))
        assert self._producer.flush(10) == 0


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster() as address:
        yield address


@pytest.fixture
def topics(broker: str) -> Topics:
    topics = Topics(broker)
    for seq in range(10):
        topics.read(seq, 55.0 if seq in (3, 7) else 20.0)
    return topics


def sent(records: int) -> Recorder:
    recorder = Recorder()
    recorder.sent = recorder.acknowledged = records
    return recorder


def broken(checks: list[Check]) -> list[str]:
    return [check.promise for check in checks if not check.passed]


def test_a_run_without_fault(topics: Topics) -> None:
    topics.alert(3)
    topics.alert(7)
    topics.commit_all()
    audit = topics.audited()
    assert (audit.records, audit.hot, audit.alerts, audit.repeated) == (10, 2, 2, 0)
    assert broken(judge(sent(10), audit, audit.committed(), 0, 0)) == []
    audit.close()


def test_a_repeated_alert_is_counted_and_no_fault(topics: Topics) -> None:
    for seq in (3, 7, 7):
        topics.alert(seq)
    audit = topics.audited()
    assert (audit.alerts, audit.repeated, audit.missing()) == (2, 1, 0)
    audit.close()


def test_an_alert_that_is_missing(topics: Topics) -> None:
    topics.alert(3)
    audit = topics.audited()
    assert broken(judge(sent(10), audit, 10, 0, 0)) == ["every hot one was alerted"]
    audit.close()


def test_an_alert_for_a_record_that_was_not_hot_or_not_there(topics: Topics) -> None:
    for seq in (3, 4, 7, 5000):
        topics.alert(seq)
    audit = topics.audited()
    assert audit.unfounded() == 2
    assert broken(judge(sent(10), audit, 10, 0, 0)) == ["nothing else was"]
    audit.close()


def test_a_record_that_is_not_in_the_topic_and_one_that_is_not_committed(topics: Topics) -> None:
    topics.alert(3)
    topics.alert(7)
    audit = topics.audited()
    assert audit.committed() == 0
    verdict = broken(judge(sent(11), audit, audit.committed(), 0, 0))
    assert verdict == ["every record sent is in the topic", "every one was processed and committed"]
    audit.close()


@pytest.mark.parametrize("exit_code", [None, 5, 70])
def test_a_pool_that_did_not_end_well(topics: Topics, exit_code: int | None) -> None:
    topics.alert(3)
    topics.alert(7)
    audit = topics.audited()
    assert broken(judge(sent(10), audit, 10, 0, exit_code)) == ["the pool drained and ended"]
    audit.close()


def test_topics_that_cannot_be_read_to_their_ends(topics: Topics) -> None:
    audit = Audit(topics.broker, topics.group, topics.readings, topics.alerts)
    audit.read_to_end(0)
    assert audit.error is not None
    assert "both topics were read to their ends" in broken(judge(sent(10), audit, 10, 0, 0))
    audit.close()
