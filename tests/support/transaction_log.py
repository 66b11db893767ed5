"""What a broker that is down has last written of each transaction, read from its log."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_STATES: Final = (
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
)
_BATCH: Final = struct.Struct(">qi")
"""A batch's first offset and the length of what follows."""
_COUNT_AT: Final = 57
_RECORDS_AT: Final = 61
_STATE_AT: Final = 16
"""In a record's value: behind its version, the producer's id and epoch, and the timeout."""


def last_states(data: Path) -> Mapping[str, str]:
    """The last state of each transaction by its transactional id, such as "PrepareCommit".

    Args:
        data: the broker's `log.dirs`.
    """
    found: dict[str, str] = {}
    for segment in sorted(data.glob("__transaction_state-*/*.log")):
        for key, value in _records(segment.read_bytes()):
            if len(value) > _STATE_AT:
                found[key[4:].decode()] = _STATES[value[_STATE_AT]]
    return found


def _records(log: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of all records, which such a topic never has compressed; a torn end is left out."""
    at = 0
    while at + _RECORDS_AT <= len(log):
        _, length = _BATCH.unpack_from(log, at)
        end = at + _BATCH.size + length
        if not 0 < length <= len(log) - at - _BATCH.size:
            return
        (count,) = struct.unpack_from(">i", log, at + _COUNT_AT)
        position = at + _RECORDS_AT
        for _ in range(count):
            size, position = _varint(log, position)
            yield _key_and_value(log, position + 1)  # behind the attributes
            position += size
        at = end


def _key_and_value(log: bytes, at: int) -> tuple[bytes, bytes]:
    _, at = _varint(log, at)  # the timestamp
    _, at = _varint(log, at)  # the offset
    size, at = _varint(log, at)
    key, at = log[at : at + size], at + size
    size, at = _varint(log, at)
    return key, log[at : at + max(size, 0)]


def _varint(log: bytes, at: int) -> tuple[int, int]:
    """A zigzag number, and where what follows it begins."""
    number = shift = 0
    while True:
        byte = log[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
