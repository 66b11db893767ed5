"""Reading a load's topics on librdkafka's mock cluster: what is added to them, and what cannot be read."""

import time
from collections.abc import Iterator, Mapping

import pytest
from confluent_kafka import Producer

from supervisor import load_reader
from supervisor.load_numbers import Numbers
from supervisor.load_reader import Reader
from supervisor.load_refused import LoadRefused
from supervisor.load_verification import Expect, Verification
from tests.support.wait import wait_for
from workers.settings import Settings

IN, OUT = "in", "out"
PARTITIONS = 4


@pytest.fixture
def producer() -> Iterator[Producer]:
    """Writes to a cluster that it brings along."""
    cluster = Producer({"bootstrap.servers": "in memory", "test.mock.num.brokers": 1, "log_level": 0})
    yield cluster
    del cluster


@pytest.fixture
def settings(producer: Producer) -> Settings:
    for topic in (IN, OUT):
        producer.list_topics(topic, timeout=10)  # which makes it
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    return Settings(kafka={"bootstrap.servers": f"{broker.host}:{broker.port}"})


class Growing(Reader):
    """Sees one partition fewer until they have grown."""

    grown = False

    def _partitions(self, seconds: float = 10.0) -> Mapping[str, int]:
        found = super()._partitions(seconds)
        return {topic: count if self.grown else count - 1 for topic, count in found.items()}


def write(producer: Producer, seq: int) -> None:
    """A record and its result, each in the partition that is new."""
    for topic in (IN, OUT):
        value = b'{"seq": %d, "sent_at": 7, "temperature": 60}' % seq
        producer.produce(topic, value, b"k", partition=PARTITIONS - 1)
    assert producer.flush(10) == 0


def read(reader: Reader, verification: Verification, records: int) -> None:
    deadline = time.monotonic() + 10
    while verification.answered < records and time.monotonic() < deadline:
        reader.read(0.05)


def find_end(reader: Reader) -> None:
    reader.find_end()
    wait_for(reader.has_found_end, 10)


def test_partitions_that_are_added_meanwhile_are_read_from_their_beginning(
    producer: Producer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_reader, "_LOOK_SECONDS", 0.1)
    verification = Verification(Expect.ALL)
    reader = Growing(settings, IN, OUT, Numbers(marked=False), verification)
    write(producer, 0)
    reader.grown = True
    read(reader, verification, 1)
    write(producer, 1)
    read(reader, verification, 2)
    find_end(reader)
    assert reader.at_end()
    reader.close()
    assert (verification.records, verification.answered, verification.unfounded) == (2, 2, 0)
    assert reader.error is None


def test_what_is_in_a_partition_that_nobody_saw_until_the_end_is_still_to_be_read(
    producer: Producer, settings: Settings
) -> None:
    verification = Verification(Expect.ALL)
    reader = Growing(settings, IN, OUT, Numbers(marked=False), verification)
    write(producer, 2)
    reader.grown = True
    find_end(reader)
    assert not reader.at_end()
    read(reader, verification, 1)
    assert reader.at_end()
    reader.close()
    assert verification.answered == verification.records == 1


def test_a_topic_that_is_not_there_is_refused(settings: Settings) -> None:
    with pytest.raises(LoadRefused, match="topic nowhere is not there"):
        Reader(settings, IN, "nowhere", Numbers(marked=False), Verification(Expect.ALL))


def test_a_function_of_the_users_that_fails_ends_the_verification_with_its_error(
    producer: Producer, settings: Settings
) -> None:
    verification = Verification(Expect.HOT)
    reader = Reader(settings, IN, OUT, Numbers(marked=False, hot=lambda value: value["amount"] > 5), verification)
    write(producer, 3)
    wait_for(lambda: reader.read(0.05) and reader.error, 10)
    reader.close()
    assert "KeyError: 'amount'" in (reader.error or "")
