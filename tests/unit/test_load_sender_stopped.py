"""What counts as failed where sending is stopped: by Ctrl-C on slow brokers, or by a fatal error."""

import ctypes
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from supervisor.payload import SensorPayload
from supervisor.recorder import Recorder
from supervisor.schedule import Schedule, Steady
from supervisor.sender import Sender
from tests.unit.mock_cluster import mock_cluster

TOPIC = "readings"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster(TOPIC) as address:
        yield address


class Slow:
    """In place of a producer: brokers so slow that it always has room for a few, and never for all."""

    def __init__(self, room: int = 10) -> None:
        self.waiting = 0
        self.room = room

    def __len__(self) -> int:
        return self.waiting

    def poll(self, seconds: float) -> int:
        if seconds:
            self.waiting = 0
        return 0

    flush = poll

    def produce(self, *_: Any, **__: Any) -> None:
        if self.waiting >= self.room:
            raise BufferError
        self.waiting += 1


def on(producer: Any, schedule: Schedule, queue: int = 100_000) -> Sender:
    return Sender(producer, TOPIC, SensorPayload(), schedule, Recorder(), queue=queue)


@pytest.mark.parametrize("queue", [10, 100_000])  # by its records, by its bytes
def test_what_was_due_has_failed_also_where_there_was_room_for_some_at_the_last_moment(queue: int) -> None:
    for _ in range(10):  # the last moment is another each time
        sender = on(Slow(), Steady(1_000_000), queue)
        sender.begin_at(time.monotonic() - 1)
        sender.run_until(time.monotonic() + 0.1)  # long enough for a second look, however busy the machine is
        sender.stop()
        assert sender.recorder.failures["UNSENT"] == sender.behind > 0


def test_that_there_was_no_room_long_ago_is_no_failure() -> None:
    slow = Slow()
    sender = on(slow, Steady(1_000_000))
    sender.begin_at(time.monotonic() - 1)
    sender.run_until(time.monotonic() + 0.01)
    slow.room = 10**9
    sender.run_until(time.monotonic() + 0.03)
    sender.run_until(time.monotonic() + 0.03)
    sender.stop()
    assert sender.behind > 0
    assert sender.recorder.failed == 0


def break_down(producer: Producer) -> None:
    """Have librdkafka raise a fatal error, as for a sequence number that a broker does not accept."""
    (library,) = (Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka*")
    raise_fatal = ctypes.CDLL(str(library)).rd_kafka_test_fatal_error
    handle = ctypes.c_void_p.from_address(id(producer) + object.__basicsize__)
    assert raise_fatal(handle, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, b"made up") == 0


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_a_fatal_error_ends_the_load_and_is_told(broker: str, bulk: bool, told: bool) -> None:
    properties = {"bootstrap.servers": broker, "log_level": 0, "enable.idempotence": True}
    producer = Producer({**properties, "delivery.report.only.error": bulk})
    sender = Sender(producer, TOPIC, SensorPayload(), Steady(10_000), Recorder(), bulk=bulk)
    sender.run_until(time.monotonic() + 0.2)
    break_down(producer)
    if not told:  # as if somebody else had heard it
        with pytest.raises(KafkaException):
            producer.poll(1)
    begun = time.monotonic()
    sender.run_until(begun + 5)
    assert sender.done
    assert time.monotonic() - begun < 2
    assert sender.finish(5)
    assert sender.fatal is not None
    assert sender.fatal.code() == (KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER if told else KafkaError._FATAL)
    recorder = sender.recorder
    assert recorder.sent == recorder.acknowledged + recorder.failed
