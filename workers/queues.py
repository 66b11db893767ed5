"""What a worker's Kafka clients may hold in memory, as librdkafka's properties."""

from collections.abc import Mapping
from typing import Final

RECORD_BYTES: Final = 400
"""What a record in a queue takes beside its bytes; measured with readings of 70 bytes, and these are in it."""


def fetched(room: int) -> Mapping[str, int]:
    """Properties of a consumer that holds three quarters of `room` bytes: half of that records, half their bookkeeping.

    A fetch that is under way when the queue is full comes on top, unpacked; so it is small.
    """
    return {
        "queued.max.messages.kbytes": max(1, room * 3 // 8 // 1024),
        "queued.min.messages": max(1, room * 3 // 8 // RECORD_BYTES),
        "max.partition.fetch.bytes": max(1024, room // 32),
    }


def unsent(room: int, max_message_bytes: int) -> Mapping[str, int]:
    """Properties of a producer that holds a quarter of `room` bytes, or the largest message.

    Where it is full, as in an outage, the worker waits.
    """
    return {
        "queue.buffering.max.kbytes": -(-max(room // 8, max_message_bytes) // 1024),
        "queue.buffering.max.messages": max(1, room // 8 // RECORD_BYTES),
    }
