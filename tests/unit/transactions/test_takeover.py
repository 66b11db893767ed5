"""A worker that takes a partition over, exactly once."""

from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tests.unit.transactions.parts import PLACE, Parts
from workers.endings import SinkFailed, SourceFailed
from workers.takeover import AGAIN_SECONDS, PATIENCE_SECONDS, begin


def test_what_is_not_allowed_is_no_fence(parts: Parts) -> None:
    parts.producer.errors["init"].append(KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "", True))
    with pytest.raises(SinkFailed, match="Write on the transactional id"):
        parts.sink.initialise()


def test_what_the_last_owner_left_open_is_asked_for_again_soon(parts: Parts) -> None:
    still_open = KafkaError(KafkaError.CONCURRENT_TRANSACTIONS, "", retriable=True)
    parts.producer.errors["init"].extend([still_open] * 7)
    parts.sink.initialise()
    assert parts.producer.init_seconds == [0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.5]


class Committed:
    """A consumer of a group that has committed `offset`, of a partition whose log goes from `first` to `end`."""

    def __init__(self, offset: int, first: int, end: int) -> None:
        self._offset = offset
        self._bounds = first, end
        self.errors: list[KafkaError] = []
        """What the next calls fail with."""

    def committed(self, *_: object) -> list[TopicPartition]:
        self._fail()
        return [TopicPartition(*PLACE, self._offset)]

    def get_watermark_offsets(self, *_: object) -> tuple[int, int]:
        self._fail()
        return self._bounds

    def _fail(self) -> None:
        if self.errors:
            raise KafkaException(self.errors.pop())


@pytest.mark.parametrize(
    ("committed", "first", "end", "expected"),
    [
        (-1001, 0, 90, 40),
        (40, 50, 30, 40),
        (60, 0, 90, 60),
        (20, 40, 90, 40),
        (95, 40, 90, 40),
    ],
    ids=["nothing committed", "as the supervisor says", "a commit it could not see", "lost", "the log was cut"],
)
def test_where_a_worker_begins(parts: Parts, committed: int, first: int, end: int, expected: int) -> None:
    assert begin(parts.sink, cast("Consumer", Committed(committed, first, end)), 40) == expected
    assert parts.producer.calls[-1] == "init"


@pytest.mark.parametrize(
    "code", [KafkaError.NOT_COORDINATOR, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError._TRANSPORT]
)
def test_brokers_that_come_and_go_are_waited_for(parts: Parts, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    waits: list[float] = []
    monkeypatch.setattr("workers.takeover.sleep", waits.append)
    consumer = Committed(60, 0, 90)
    consumer.errors = [KafkaError(code)] * 3
    assert begin(parts.sink, cast("Consumer", consumer), 40) == 60
    assert waits == [AGAIN_SECONDS] * 3
    assert not parts.awaits[-1], "what it waited for is held against nobody"


def test_what_does_not_pass_is_told(parts: Parts) -> None:
    consumer = Committed(60, 0, 90)
    consumer.errors = [KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)]
    with pytest.raises(KafkaException, match="GROUP_AUTHORIZATION_FAILED"):
        begin(parts.sink, cast("Consumer", consumer), 40)


def test_brokers_that_stay_away_are_another_workers_to_ask(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("workers.takeover.monotonic", lambda: now)

    def passes(_: float) -> None:
        nonlocal now
        now += 1.0

    monkeypatch.setattr("workers.takeover.sleep", passes)
    consumer = Committed(60, 0, 90)
    consumer.errors = [KafkaError(KafkaError._TRANSPORT)] * 1000
    with pytest.raises(SourceFailed, match="do not say what is committed"):
        begin(parts.sink, cast("Consumer", consumer), 40)
    assert now == 101.0 + PATIENCE_SECONDS
