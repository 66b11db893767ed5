"""What a pool says of itself: the document at `/status`, which the status table and the metrics are drawn from.

Values, made anew for each question.
"""

from typing import Self

import msgspec


class PartitionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One assigned partition and its worker."""

    topic: str
    partition: int
    pid: int | None = None
    """The worker's process, None while there is none."""
    state: str
    """The worker's state, in lower case, as in `supervisor/states.py`."""
    position: int | None = None
    """Offset of the next record to handle; None until the start offset is known."""
    committed: int | None = None
    """Offset last committed; None where the group has none yet."""
    end: int | None = None
    """The partition's high watermark when last fetched; None until then."""
    lag: int | None = None
    """Offsets between `committed` and `end`; see `lag`."""
    records: int = 0
    """Records handled since this supervisor got the partition first, over all of its workers."""
    results: int = 0
    """Results produced, counted likewise."""
    dead_letters: int = 0
    """Dead letters produced, counted likewise."""
    restarts: int = 0
    """Workers that died here and were replaced."""
    rate: float = 0.0
    """Records handled per second, lately."""
    guarded: bool = False
    """Whether too many records failed lately, so that one is tried again and again and those behind it wait."""


class PoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One supervisor, and with it the part of the group that it serves."""

    state: str
    """The supervisor's state, in lower case."""
    group: str
    member_id: str | None = None
    """The group member id; None until joined."""
    generation: int | None = None
    """The group's generation, or the member's epoch under KIP-848; None until joined."""
    protocol: str
    """The group protocol: "classic" or "consumer"."""
    uptime_s: float
    """Seconds since the supervisor started."""
    version: str = ""
    """Partition Pool's version."""
    pid: int | None = None
    """The supervisor's own process."""
    partitions: list[PartitionStatus] = []

    def to_json(self) -> bytes:
        """The document, in UTF-8."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, document: bytes) -> Self:
        """Read a document, of this version or, with unknown fields left out, of a later one.

        Raises:
            msgspec.ValidationError: where a field is missing or of another type.
            msgspec.DecodeError: where it is not JSON.
        """
        return msgspec.json.decode(document, type=cls)


def lag(committed: int | None, end: int | None) -> int | None:
    """Offsets that the group has still to commit: never negative, None where either side is not known.

    The end is told by the last fetch, so it may be behind what has been committed since.
    """
    if committed is None or end is None:
        return None
    return max(0, end - committed)
