"""What becomes of a record that failed for good: the record as it was, and headers that say what happened."""

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec
from confluent_kafka import Message

from workers import origin as origins
from workers.account import MESSAGE_BYTES, Account, account_of, encoded, head
from workers.origin import PREFIX, Origin
from workers.records import Headers

ENVELOPE_BYTES: Final = 64 * 1024
"""More than the pool's headers ever add to a record."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A record for a dead-letter topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    """The record's own, in their order, then the pool's. Of a name that occurs twice, the last one is the pool's."""
    timestamp: int = 0
    """The record's own, in milliseconds since the epoch; 0 where it had none."""
    partition: int = -1
    """-1: the key decides. A dead-letter topic may have fewer partitions than the record's."""

    def without_value(self, reason: str) -> "DeadLetter":
        """The letter with its value's SHA-256 and size in the value's place, because of `reason`."""
        value = self.value or b""
        told: Headers = [
            _header("value.omitted", head(reason, MESSAGE_BYTES)),
            _header("value.sha256", hashlib.sha256(value).hexdigest()),
            _header("value.size", str(len(value))),
        ]
        return msgspec.structs.replace(self, value=None, headers=[*self.headers, *told])

    def without_timestamp(self) -> "DeadLetter":
        """The letter with the record's time in a header, for a topic that does not take messages of that time."""
        told = _header("timestamp.omitted", str(self.timestamp))
        return msgspec.structs.replace(self, timestamp=0, headers=[*self.headers, told])


def envelope(
    message: Message,
    error: BaseException | Account,
    *,
    topic: str,
    group: str,
    attempts: int,
    failed_at_ms: int,
    origin: Origin | None = None,
) -> DeadLetter:
    """The dead letter for a message: key, value, timestamp and headers untouched, the pool's headers behind them.

    Args:
        message: as it was consumed.
        error: why it failed in the end, or what is told of that; it loses its traceback.
        topic: the dead-letter topic.
        group: the consumer group that could not handle it.
        attempts: how many it has had since it was consumed.
        failed_at_ms: milliseconds since the epoch.
        origin: where it was first read; None: where it was consumed.
    """
    account = account_of(error)
    origin = origin or origins.origin_of(message, delayed=False)
    failed_at = datetime.fromtimestamp(failed_at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    told: Headers = [
        # Where these begin, the record's own headers end.
        _header(origins.TOPIC, origin.topic),
        _header(origins.PARTITION, str(origin.partition)),
        _header(origins.OFFSET, str(origin.offset)),
        _header(origins.TIMESTAMP, str(origin.timestamp)),
        _header(origins.GROUP, group),
        _header("error.class", account.name),
        _header("error.message", account.text),
        _header("error.traceback", account.trace),
        _header(origins.ATTEMPTS, str(origin.attempts + attempts)),
        _header("failed_at", failed_at),
    ]
    return DeadLetter(
        topic=topic,
        key=message.key(),
        value=message.value(),
        headers=[*origin.headers, *told],
        timestamp=origin.timestamp,
    )


def _header(name: str, value: str | bytes) -> tuple[str, bytes]:
    return PREFIX + name, value if isinstance(value, bytes) else encoded(value)
