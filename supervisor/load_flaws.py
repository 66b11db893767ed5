"""A share of records with something about them: what a pool has to cope with."""

import base64
import random
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Final

from supervisor.payload import Batch, Message, Payload, with_pad

SEQ_HEADER: Final = "load.seq"
"""The record's number, in decimal digits."""
SENT_AT_HEADER: Final = "load.sent_at"
"""When it was due, in nanoseconds since the epoch, likewise."""
FLAW_HEADER: Final = "load.flaw"


class Flaw(StrEnum):
    """What a record may be."""

    MALFORMED = "malformed"
    """Its value ends in the middle, so that it cannot be decoded."""
    OVERSIZED = "oversized"
    """Its value has a field more, of random text as long as was asked for."""
    DUPLICATE = "duplicate"
    """It is sent twice, one after the other."""
    LATE = "late"
    """Its timestamp is older than it is."""
    TOMBSTONE = "tombstone"
    """It has no value."""

    @property
    def has_result(self) -> bool:
        """Whether an app can answer it as it answers others."""
        return self not in (Flaw.MALFORMED, Flaw.TOMBSTONE)


class Numbered:
    """A payload whose records say in headers which they are, and when they were due."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self.weight = payload.weight

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        messages = self._payload.messages(seqs, dues)
        for message, seq, due in zip(messages, seqs, dues, strict=True):
            message["headers"] = [(SEQ_HEADER, b"%d" % seq), (SENT_AT_HEADER, b"%d" % due)]
        return messages

    def bulk(self, seqs: range, due: int) -> list[Batch]:
        return [(-1, self.messages(seqs, [due] * len(seqs)))]


class Flawed:
    """A payload of whose records a share has a flaw, each with headers that say which one it is.

    Args:
        payload: what is sent else.
        shares: of each flaw, from 0 to 1, together at most 1.
        size: bytes of an oversized value.
        late: milliseconds by which a late record's timestamp is older than it is.
        chance: draws.
    """

    def __init__(
        self, payload: Payload, shares: Mapping[Flaw, float], size: int, late: int, chance: random.Random
    ) -> None:
        self._payload = Numbered(payload)
        self.weight = payload.weight + int(shares.get(Flaw.OVERSIZED, 0.0) * size)
        self._flaws = [*shares, None]
        self._weights = list(accumulate([*shares.values(), max(0.0, 1 - sum(shares.values()))]))
        self._late = late
        self._chance = chance
        # Random, or compression would make nothing of it.
        self._junk = base64.b64encode(chance.randbytes(size))[:size]

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        found: list[Message] = []
        flaws = self._chance.choices(self._flaws, cum_weights=self._weights, k=len(seqs))
        for message, due, flaw in zip(self._payload.messages(seqs, dues), dues, flaws, strict=True):
            if flaw is not None:
                message["headers"].append((FLAW_HEADER, flaw.encode()))
                self._apply(flaw, message, due)
            found.append(message)
            if flaw is Flaw.DUPLICATE:
                found.append(message)
        return found

    def bulk(self, seqs: range, due: int) -> list[Batch]:
        return [(-1, self.messages(seqs, [due] * len(seqs)))]

    def _apply(self, flaw: Flaw, message: Message, due: int) -> None:
        value: bytes = message["value"]
        match flaw:
            case Flaw.MALFORMED:
                message["value"] = value[: len(value) // 2] if value[:1] == b"{" else b"{"
            case Flaw.OVERSIZED:
                message["value"] = with_pad(value, self._junk) if value[-1:] == b"}" else value
            case Flaw.LATE:
                message["timestamp"] = due // 1_000_000 - self._late
            case Flaw.TOMBSTONE:
                message["value"] = None
            case Flaw.DUPLICATE:
                pass
