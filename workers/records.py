"""What a handler is given beside the value, and what it may return in place of one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message
from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "Headers", "Output", "Record", "TopicPartition", "UnsetType", "raw_headers"]

Headers = list[tuple[str, bytes | None]]

UNREADABLE: Final = "pool.headers.unreadable"
"""What stands in place of the headers of a record that cannot be read."""


class TopicPartition(NamedTuple):
    """A partition of a topic; shown as `topic[3]`."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class Record:
    """Where a value came from: a handler's second argument.

    Everything but the value is read from the message only when it is asked for.

    Args:
        message: as it came from the consumer.
        value: the decoded value.
        decode_key: turns the key's bytes into what the agent declares; called once at most, never for a null key.
    """

    __slots__ = ("_decode_key", "_key", "_message", "value")

    value: Any
    """The decoded value, the same object that the handler gets as its first argument."""

    def __init__(self, message: Message, value: Any, decode_key: Callable[[bytes], Any]) -> None:
        self._message = message
        self.value = value
        self._decode_key = decode_key
        self._key: Any = UNSET

    @property
    def topic(self) -> str:
        """The topic that the record was read from."""
        return self._message.topic() or ""

    @property
    def partition(self) -> int:
        """The partition that the record was read from."""
        partition = self._message.partition()
        return -1 if partition is None else partition

    @property
    def offset(self) -> int:
        """The record's offset in its partition."""
        offset = self._message.offset()
        return -1 if offset is None else offset

    @property
    def key(self) -> Any:
        """The key, decoded as the agent's `key=` says; None for a null key.

        Raises:
            DecodeFailed: the key is not of that type.
        """
        if self._key is UNSET:
            raw = self._message.key()
            self._key = None if raw is None else self._decode_key(raw)
        return self._key

    @property
    def timestamp(self) -> int | None:
        """Milliseconds since the epoch, set by the producer or the broker as the topic says; None where unknown."""
        kind, milliseconds = self._message.timestamp()
        return None if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds

    @property
    def headers(self) -> Headers:
        """The headers in their order, as pairs of a name and raw bytes or None; a name may occur more than once."""
        return raw_headers(self._message)

    def read_as(self, retold: Callable[[Message], Message]) -> "Record":
        """The same value and key, with `retold` to say where they came from."""
        return Record(retold(self._message), self.value, self._decode_key)

    def __repr__(self) -> str:
        return f"<Record {self.topic}[{self.partition}] offset {self.offset}>"


class Output(msgspec.Struct, frozen=True):
    """A result that says more than its value.

    Args:
        value: what the agent's codec encodes; bytes are sent as they are, None is a tombstone.
        key: left out, the record's own key goes with the result (in batches: none); None means no key. `str` is sent
            as UTF-8, bytes as they are, anything else in the agent's codec.
        topic: in place of the agent's `output=`.
        headers: pairs, or a mapping, of names to str, bytes or None.
        partition: the partition to send to; left out, the key decides.
    """

    value: Any
    key: Any | UnsetType = UNSET
    topic: str | None = None
    headers: Sequence[tuple[str, str | bytes | None]] | Mapping[str, str | bytes | None] | None = None
    partition: int | None = None


def raw_headers(message: Message) -> Headers:
    """The headers of a consumed message: a list of its own, empty where there are none."""
    try:
        # By `map`, which sees at once that the method has failed: called from here it returns as if it had not.
        (headers,) = map(Message.headers, (message,))
        return list(headers or ())  # type: ignore[arg-type]
    except SystemError:
        return mend_headers(message)


def mend_headers(message: Message) -> Headers:
    """Give a message, at whose headers `map` has just raised SystemError, one header in their place that says so.

    Some client has written a name that is not UTF-8. confluent-kafka then sets an exception, but returns a list; in it
    is a null pointer, at which Python dies.
    """
    headers: Headers = [(UNREADABLE, b"a header's name is not UTF-8")]
    message.set_headers(headers)  # type: ignore[arg-type]
    return list(headers)


def offset_of(message: Message) -> int:
    """The offset of a consumed message."""
    offset = message.offset()
    assert offset is not None, "only produced messages have no offset"
    return offset
