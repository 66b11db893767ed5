"""One letter of a dead-letter topic: the record as it was, and what its headers tell of its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from workers.origin import told_by
from workers.records import Headers, TopicPartition, raw_headers
from workers.replay import REPLAY_GROUP
from workers.sink import Parcel

_VALUE_OMITTED: Final = "value.omitted"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and where it lies.

    Attributes:
        partition: of the dead-letter topic.
        offset: in that partition.
        headers: the record's own, in their order.
        told: the pool's headers, without their prefix.
        timestamp: the message's, in milliseconds since the epoch; 0 where there is none.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    told: Mapping[str, str]
    timestamp: int

    @classmethod
    def of(cls, message: Message) -> "Letter":
        """The letter that a consumer read."""
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        headers, told = told_by(raw_headers(message))
        kind, timestamp = message.timestamp()
        return cls(
            partition=partition,
            offset=offset,
            key=message.key(),
            value=message.value(),
            headers=headers,
            told=told,
            timestamp=0 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp,
        )

    @property
    def place(self) -> str:
        """`PARTITION:OFFSET` in the dead-letter topic, as `show` takes it."""
        return f"{self.partition}:{self.offset}"

    @property
    def origin(self) -> TopicPartition | None:
        """Where the record lay; None where the message does not tell, and so is no dead letter of a pool."""
        topic, number = self.told.get("origin.topic"), self.told.get("origin.partition", "")
        return TopicPartition(topic, int(number)) if topic and number.isdecimal() else None

    @property
    def group(self) -> str | None:
        """The consumer group that could not handle it."""
        return self.told.get("group")

    @property
    def error(self) -> str:
        """The error's class, with its module unless built in; empty where the message does not tell."""
        return self.told.get("error.class", "")

    @property
    def message(self) -> str:
        """The error's text."""
        return self.told.get("error.message", "")

    @property
    def failed_at(self) -> int:
        """When it was set aside, in milliseconds since the epoch; where the message does not tell, its timestamp."""
        try:
            return round(datetime.fromisoformat(self.told["failed_at"]).timestamp() * 1000)
        except (KeyError, ValueError):
            return self.timestamp

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")

    @property
    def obstacle(self) -> str | None:
        """Why it can never be replayed; None where it can."""
        if _VALUE_OMITTED in self.told:
            return "value not here: too large for the dead-letter topic"
        if self.origin is None or self.group is None:
            return "does not say where it came from"
        return None

    def replay(self, to: str | None) -> Parcel:
        """The original record, for its own partition or, in topic `to`, the one that its key chooses.

        Only for letters without an `obstacle`.
        """
        assert self.origin is not None, "see obstacle"
        # What an earlier replay has added is no part of the record.
        own = self.headers[:-1] if self.headers and self.headers[-1][0] == REPLAY_GROUP else self.headers
        return Parcel(
            topic=to or self.origin.topic,
            value=self.value,
            key=self.key,
            headers=[*own, (REPLAY_GROUP, self.group)],
            partition=-1 if to else self.origin.partition,
            timestamp=self._original_timestamp,
        )

    @property
    def _original_timestamp(self) -> int:
        """The record's own, which the message's is not in every topic."""
        told = self.told.get("origin.timestamp", "")
        return int(told) if told.isdecimal() else self.timestamp
