"""Messages as a consumer would give them."""

from collections.abc import Sequence

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message


def message(
    value: bytes | None,
    *,
    key: bytes | None = b"k",
    topic: str = "in",
    partition: int = 3,
    offset: int = 5,
    headers: Sequence[tuple[str, str | bytes | None]] | None = None,
    timestamp: int | None = 1_700_000_000_123,
) -> Message:
    return Message(
        topic=topic,
        partition=partition,
        offset=offset,
        key=key,
        value=value,
        headers=None if headers is None else list(headers),
        timestamp=(TIMESTAMP_NOT_AVAILABLE, 0) if timestamp is None else (TIMESTAMP_CREATE_TIME, timestamp),
    )


def messages(*values: bytes | None) -> list[Message]:
    """One message for each value, with offsets from 0."""
    return [message(value, offset=offset) for offset, value in enumerate(values)]
