"""What the generator sends: sensor readings, numbered, so that a reader can tell which are missing or repeated."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from supervisor.load_keys import Keys
from supervisor.load_pages import PAGE, Pages, Partitioner

HOT_ABOVE: Final = 50.0
"""Degrees above which a reading is hot."""
MARK_DIGITS: Final = 10
"""Digits of a marked temperature that are the record's number; they begin behind the tenths."""

_COLDEST, _WARMEST = 19.0, 49.0
_BYTES: Final = 110
"""About what a reading has, where it is not padded."""
_HEAT: Final = 31.1
"""What makes any reading a hot one."""

Message = dict[str, Any]
"""A message in the words of `Producer.produce_batch`: key, value; with headers or a timestamp it is for `produce`."""
Batch = tuple[int, list[Message]]
"""Messages for one partition; -1: the key of each decides."""


class Reading(msgspec.Struct):
    """One reading as it lies in the topic, as JSON."""

    device_id: str
    temperature: float
    seq: int
    """The record's number, from 0, over all partitions."""
    sent_at: int
    """When it was due, in nanoseconds since the epoch; without a rate, when it was made."""


class Payload(Protocol):
    """Makes the generator's records."""

    weight: int
    """About how many bytes a value has."""

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        """The records of these numbers, in their order; one that is sent twice is there twice, as the same object.

        Args:
            seqs: their numbers.
            dues: when each is due, in nanoseconds since the epoch.
        """
        ...

    def bulk(self, seqs: range, due: int) -> Iterable[Batch]:
        """The same where speed is all, and all are due at once; what it returns is good until the next call."""
        ...


class SensorPayload:
    """Readings of devices, each on a random walk below `HOT_ABOVE`, a share of them far above it.

    A record's key is its device. In bulk, most readings are earlier ones under new numbers: to walk takes longer than
    to send.

    Args:
        keys: which devices report, by their number.
        hot: the share of readings above `HOT_ABOVE`, from 0 to 1.
        size: bytes to which a value is padded; one that is longer by itself stays as it is.
        marked: whether the temperature's digits behind the tenths are the record's number, so that a result tells by
            its temperature which record it is of.
        chance: makes temperatures repeatable.
        partitioner: tells the partition of a key; None: that is left to the producer.
    """

    def __init__(
        self,
        keys: Keys | None = None,
        hot: float = 0.05,
        size: int = 0,
        *,
        marked: bool = False,
        chance: random.Random | None = None,
        partitioner: Partitioner | None = None,
    ) -> None:
        chance = chance or random.Random()
        self.weight = max(size, _BYTES)
        self._keys = keys or Keys(1000, None, chance)
        self._hot = hot
        self._size = size
        self._marked = marked
        self._random = chance.random
        self._celsius: dict[int, float] = {}
        self._pages = Pages(self._keys, self._value, partitioner, padded=size > 0)

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        return [
            {"key": b"device-%04d" % device, "value": self._value(device, b'%d,"seq":%d' % (due, seq), b"%010d" % seq)}
            for seq, due, device in zip(seqs, dues, self._keys.take(len(seqs)), strict=True)
        ]

    def bulk(self, seqs: range, due: int) -> Iterable[Batch]:
        number = seqs.start // (PAGE * seqs.step)
        if len(seqs) == PAGE and number and seqs.start - number * PAGE * seqs.step < seqs.step:
            return self._pages.page(number, seqs, due)
        return [(-1, self.messages(seqs, [due] * len(seqs)))]

    def _value(self, device: int, due_and_seq: bytes, mark: bytes) -> bytes:
        chance = self._random
        celsius = self._celsius.get(device) or _COLDEST + chance() * (_WARMEST - _COLDEST)
        celsius = min(max(celsius + chance() - 0.5, _COLDEST), _WARMEST)
        self._celsius[device] = celsius
        if chance() < self._hot:
            celsius += _HEAT
        value = b'{"device_id":"device-%04d","temperature":%.1f%s,"sent_at":%s}' % (
            device,
            celsius,
            mark if self._marked else b"",
            due_and_seq,
        )
        return pad(value, self._size) if len(value) < self._size else value


def marked_number(temperature: float) -> int:
    """The number of the record that a marked temperature belongs to."""
    return int(f"{temperature:.{MARK_DIGITS + 1}f}"[-MARK_DIGITS:])


def pad(value: bytes, size: int) -> bytes:
    """Lengthen a JSON object to `size` bytes."""
    return with_pad(value, b"x" * (size - len(with_pad(value, b""))))


def with_pad(value: bytes, text: bytes) -> bytes:
    """A JSON object with a field more, that no reader asks for."""
    fields = value[:-1].rstrip()
    return b'%s%s"pad":"%s"}' % (fields, b"" if fields == b"{" else b",", text)
