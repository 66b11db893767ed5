"""A client that tries to connect no more is told from one whose brokers are away, and ends its worker."""

from typing import cast
from unittest.mock import Mock

import msgspec
import pytest
from confluent_kafka import Consumer, Producer

from workers.connection import REPORTS, SECONDS, Connection
from workers.endings import SinkFailed, SourceFailed
from workers.sink import KafkaSink
from workers.slot import SLOT_BYTES
from workers.source import KafkaSource
from workers.statistics import ClientStatistics


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(connection: Connection, clock: Clock, *reports: tuple[bool, int], every: float = 5.0) -> bool:
    for up, attempts in reports:
        clock.now += every
        connection.report(up=up, attempts=attempts)
    return connection.given_up


def test_without_a_connection_or_an_attempt_it_has_given_up() -> None:
    clock = Clock()
    connection = Connection(clock=clock)
    assert not told(connection, clock, (True, 3), *[(False, 3)] * (REPORTS - 1))
    assert told(connection, clock, (False, 3))


@pytest.mark.parametrize(
    "reports",
    [[(True, 1)] * 50, [(False, number) for number in range(50)], [(False, 1), (False, 1), (True, 1)] * 20],
    ids=["connected", "away", "now and then"],
)
def test_whoever_tries_has_not(reports: list[tuple[bool, int]]) -> None:
    clock = Clock()
    assert not told(Connection(clock=clock), clock, *reports)


def test_neither_many_reports_nor_much_time_alone_tell() -> None:
    clock = Clock()
    assert not told(Connection(clock=clock), clock, *[(False, 1)] * 3, every=SECONDS), "it may have been stopped"
    assert not told(Connection(clock=clock), clock, *[(False, 1)] * 30, every=0.1)


def test_attempts_may_be_far_apart_where_the_user_says_so() -> None:
    clock = Clock()
    connection = Connection(60.0, clock)
    assert not told(connection, clock, *[(False, 1)] * 35)
    assert told(connection, clock, *[(False, 1)] * 2)


def test_its_statistics_tell() -> None:
    statistics = ClientStatistics(memoryview(bytearray(SLOT_BYTES)).cast("q"))
    statistics.sink, statistics.source = Mock(), Mock()
    brokers = {"a": {"state": "UP", "connects": 3}, "b": {"state": "INIT", "connects": 4}}
    statistics.producer(msgspec.json.encode({"brokers": brokers}).decode())
    statistics.sink.report.assert_called_once_with(up=True, attempts=7)
    statistics.consumer(msgspec.json.encode({"brokers": {"b": brokers["b"]}}).decode())
    statistics.source.report.assert_called_once_with(up=False, attempts=4)


def test_a_worker_with_something_to_do_ends_by_it() -> None:
    connection = Connection()
    connection.given_up = True
    producer = Mock(flush=Mock(side_effect=[0, 1]))
    sink = KafkaSink(cast("Producer", producer), connection)
    assert sink.wait(0) == 0, "nothing is to be sent"
    with pytest.raises(SinkFailed, match="stopped connecting"):
        sink.wait(0)
    source = KafkaSource(cast("Consumer", Mock(poll=Mock(return_value=None))), "in", 0, 0, 1, connection)
    with pytest.raises(SourceFailed, match="stopped connecting"):
        source.poll()
