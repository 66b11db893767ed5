"""Where a record was first read. In a retry topic its headers tell: those of a dead letter, behind its own."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from workers.records import Headers, offset_of, raw_headers

PREFIX: Final = "pool."
TOPIC: Final = "origin.topic"
"""The first of the headers that the pool adds to a record, behind all of its own."""
PARTITION: Final = "origin.partition"
OFFSET: Final = "origin.offset"
TIMESTAMP: Final = "origin.timestamp"
ATTEMPTS: Final = "attempts"
GROUP: Final = "group"


class Origin(NamedTuple):
    """A record as it was in its input topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since the epoch; 0 where it had none."""
    headers: Headers
    """Its own ones."""
    attempts: int
    """How many it has had before it came here."""
    group: str | None = None
    """The group that lets it wait in a retry topic; None elsewhere, or where that is not told."""


def origin_of(message: Message, *, delayed: bool) -> Origin:
    """Where a consumed record comes from.

    Args:
        message: the record.
        delayed: whether it was read from a retry topic. A record there that no pool has written is its own origin.
    """
    if delayed and (told := _told(raw_headers(message))) is not None:
        return told
    kind, timestamp = message.timestamp()
    return Origin(
        message.topic() or "",
        -1 if (partition := message.partition()) is None else partition,
        offset_of(message),
        0 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp,
        raw_headers(message),
        0,
    )


def original(message: Message) -> Message:
    """A record of a retry topic as a consumer of its input topic would give it."""
    origin = origin_of(message, delayed=True)
    return Message(
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        key=message.key(),
        value=message.value(),
        headers=[*origin.headers],
        timestamp=(TIMESTAMP_CREATE_TIME, origin.timestamp) if origin.timestamp else (TIMESTAMP_NOT_AVAILABLE, 0),
    )


def told_by(headers: Headers) -> tuple[Headers, Mapping[str, str]]:
    """A record's own headers, and what the pool's behind them tell, without their prefix; nothing where there are none.

    It may have had such headers of its own, as a dead letter that is somebody's input has: the last are the pool's.
    """
    first = next((n for n in reversed(range(len(headers))) if headers[n][0] == PREFIX + TOPIC), len(headers))
    told = {name.removeprefix(PREFIX): (value or b"").decode(errors="replace") for name, value in headers[first:]}
    return headers[:first], told


def _told(headers: Headers) -> Origin | None:
    own, told = told_by(headers)
    try:
        numbers = [int(told[name]) for name in (PARTITION, OFFSET, TIMESTAMP, ATTEMPTS)]
    except (KeyError, ValueError):
        return None
    partition, offset, timestamp, attempts = numbers
    return Origin(told[TOPIC], partition, offset, timestamp, own, attempts, told.get(GROUP))
