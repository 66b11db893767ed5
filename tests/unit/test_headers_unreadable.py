"""A header's name that is not UTF-8, as clients in C or Go write it: confluent-kafka raises, then Python dies."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import Consumer, Message
from confluent_kafka import TopicPartition as Position

from tests.unit.mock_cluster import mock_cluster
from workers.records import UNREADABLE, raw_headers
from workers.replay import REPLAY_GROUP, own

BAD = b"gr\xf6sse"
MENDED = [(UNREADABLE, b"a header's name is not UTF-8")]
END_TAG, TOPIC_TAG, PARTITION_TAG, VALUE_TAG, HEADERS_TAG = 0, 1, 3, 4, 10
"""Of `rd_kafka_producev`'s arguments."""


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with mock_cluster("in") as address:
        yield address


@pytest.fixture
def polled(bootstrap: str) -> list[Message]:
    """Messages that nobody has asked for their headers yet."""
    _produce(bootstrap, None, [(BAD, b"1")], [(REPLAY_GROUP.encode(), b"other")], [(BAD, b"2")], [(b"fine", b"3")])
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "log_level": 0})
    consumer.assign([Position("in", 0, 0)])
    found = consumer.consume(5, 10)
    consumer.close()
    return found


def test_the_client_still_fails_at_such_a_name(polled: list[Message]) -> None:
    """Once it does not, all this can go."""
    with pytest.raises(SystemError):
        list(map(Message.headers, polled))


def test_a_record_whose_headers_cannot_be_read_says_so_in_their_place(polled: list[Message]) -> None:
    for _ in range(2):
        assert list(map(raw_headers, polled)) == [
            [],
            MENDED,
            [(REPLAY_GROUP, b"other")],
            MENDED,
            [("fine", b"3")],
        ]


def test_it_does_not_keep_others_from_being_told_apart(polled: list[Message]) -> None:
    kept = own(polled, [1, 2, 3, 4, 5], "mine")
    assert kept is not None
    assert kept.messages == [polled[0], polled[1], polled[3], polled[4]]
    assert [raw_headers(message) for message in kept.messages] == [[], MENDED, MENDED, [("fine", b"3")]]


def _produce(bootstrap: str, *all_headers: list[tuple[bytes, bytes]] | None) -> None:
    """With librdkafka itself: its Python client can only write names in UTF-8."""
    (path,) = (Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka-*.so*")
    client, text = ctypes.CDLL(str(path)), ctypes.create_string_buffer(512)
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(client, name).restype = ctypes.c_void_p
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    settings = pointer(client.rd_kafka_conf_new())
    client.rd_kafka_conf_set(settings, b"bootstrap.servers", bootstrap.encode(), text, size(512))
    producer = pointer(client.rd_kafka_new(0, settings, text, size(512)))
    for headers in all_headers:
        words = [TOPIC_TAG, ctypes.c_char_p(b"in"), PARTITION_TAG, 0, VALUE_TAG, ctypes.c_char_p(b"v"), size(1)]
        if headers:
            made = pointer(client.rd_kafka_headers_new(size(len(headers))))
            for key, value in headers:
                length = ctypes.c_ssize_t
                client.rd_kafka_header_add(made, key, length(len(key)), value, length(len(value)))
            words += [HEADERS_TAG, made]
        assert client.rd_kafka_producev(producer, *words, END_TAG) == 0
    assert client.rd_kafka_flush(producer, 10_000) == 0
    client.rd_kafka_destroy(producer)
