"""A Record tells where a value came from; an Output says more than a value can."""

import msgspec
import pytest

from tests.unit.messages import message
from workers import Output, Record
from workers.records import UNSET, TopicPartition


def as_text(raw: bytes) -> str:
    return raw.decode()


def test_a_record_tells_all_of_its_message() -> None:
    value = object()
    record = Record(message(b"v", headers=[("a", b"1"), ("b", None), ("a", b"2")]), value, as_text)
    assert (record.topic, record.partition, record.offset) == ("in", 3, 5)
    assert record.key == "k"
    assert record.value is value
    assert record.timestamp == 1_700_000_000_123
    assert record.headers == [("a", b"1"), ("b", None), ("a", b"2")]
    assert repr(record) == "<Record in[3] offset 5>"


def test_what_a_message_lacks_is_none_or_empty() -> None:
    record = Record(message(b"v", key=None, timestamp=None), 1, as_text)
    assert record.key is None
    assert record.timestamp is None
    assert record.headers == []


def test_a_timestamp_at_the_epoch_is_one() -> None:
    assert Record(message(b"v", timestamp=0), 1, as_text).timestamp == 0


def test_a_key_is_decoded_when_it_is_read_and_but_once() -> None:
    decoded: list[bytes] = []

    def decode(raw: bytes) -> str:
        decoded.append(raw)
        return raw.decode()

    record = Record(message(b"v", key=b"k"), 1, decode)
    assert decoded == []
    assert [record.key, record.key] == ["k", "k"]
    assert decoded == [b"k"]


def test_an_output_without_key_differs_from_one_with_the_key_none() -> None:
    assert Output(1).key is UNSET
    assert Output(1, key=None).key is None
    assert Output(1) != Output(1, key=None)


def test_an_output_is_a_value_of_its_own() -> None:
    output = Output(1)
    with pytest.raises(AttributeError):
        output.value = 2  # type: ignore[misc]  # what the test is about
    assert msgspec.structs.replace(output, value=2) == Output(2)


def test_a_partition_is_shown_as_kafka_does() -> None:
    assert f"{TopicPartition('in', 3)}" == "in[3]"
    assert TopicPartition("in", 3) == ("in", 3)
