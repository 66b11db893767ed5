"""What a worker may hold in memory: in its Kafka clients, as librdkafka's properties, and beside them.

Of `room` bytes the consumer's queue has five eighths, the producer's a quarter, results that are held back a sixteenth,
and what is read ahead of its time another.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

RECORD_BYTES: Final = 400
"""What a record in a queue takes beside its bytes; measured with readings of 70 bytes, and these are in it."""


class Most(NamedTuple):
    """How much there may be of something."""

    records: int
    size: int
    """In bytes."""


HELD: Final = Most(10_000, 8 * 1024 * 1024)
"""Results that are held back at most; then their worker waits."""
AHEAD: Final = Most(1000, 8 * 1024 * 1024)
"""Records that are read ahead of their time at most, so that the partition's end is known; then it is paused."""


def held(room: int | None) -> Most:
    """Results that may be held back, which keep their records in memory; None: what the defaults allow."""
    return HELD if room is None else _least(HELD, Most(room // 32 // RECORD_BYTES, room // 32))


def ahead(room: int | None) -> Most:
    """Records that may be read ahead of their time; None: as many as the defaults allow."""
    return AHEAD if room is None else _least(AHEAD, Most(room // 32 // RECORD_BYTES, room // 32))


def _least(default: Most, share: Most) -> Most:
    return Most(max(1, min(default.records, share.records)), max(1, min(default.size, share.size)))


def fetched(room: int) -> Mapping[str, int]:
    """Properties of a consumer that holds its share: half of that records, half their bookkeeping.

    A fetch that is under way when the queue is full comes on top, unpacked; so it is small. None is above what
    librdkafka takes.
    """
    return {
        "queued.max.messages.kbytes": min(max(1, room * 5 // 16 // 1024), 2_097_151),
        "queued.min.messages": min(max(1, room * 5 // 16 // RECORD_BYTES), 10_000_000),
        "max.partition.fetch.bytes": min(max(1024, room // 32), 1_000_000_000),
    }


def unsent(room: int, max_message_bytes: int) -> Mapping[str, int]:
    """Properties of a producer that holds its share, or the largest message.

    Where it is full, as in an outage, the worker waits.
    """
    return {
        "queue.buffering.max.kbytes": -(-max(room // 8, max_message_bytes) // 1024),
        "queue.buffering.max.messages": max(1, room // 8 // RECORD_BYTES),
    }
