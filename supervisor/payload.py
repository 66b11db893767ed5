"""What the generator sends: sensor readings, numbered, so that a reader can tell which are missing or repeated."""

import random
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from supervisor.load_keys import Keys

HOT_ABOVE: Final = 50.0
"""Degrees above which a reading is hot."""
MARK_DIGITS: Final = 10
"""Digits of a marked temperature that are the record's number; they begin behind the tenths."""

_COLDEST, _WARMEST = 19.0, 49.0
_HEAT: Final = 31.1
"""What makes any reading a hot one."""
_RING: Final = 10_000
"""Readings that are kept in bulk. A power of ten: a record's number ends in its place."""
_RENEWED: Final = 16
"""In bulk, one in so many readings is made anew."""
_LAP, _DUE = b"\0", b"\1"

Message = dict[str, Any]
"""A message in the words of `Producer.produce_batch`: key, value; with headers or a timestamp it is for `produce`."""


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

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        """The records of these numbers, in their order.

        Args:
            seqs: their numbers.
            dues: when each is due, in nanoseconds since the epoch.
        """
        ...

    def bulk(self, seqs: range, due: int) -> list[Message]:
        """The same where speed is all, and all are due at once; what it returns is good until the next call."""
        ...


class SensorPayload:
    """Readings of devices, each on a random walk below `HOT_ABOVE`, a share of them far above it.

    A record's key is its device. In bulk, most readings are those of `_RING` records before, under new numbers: to
    walk takes as long as to send.

    Args:
        keys: which devices report, by their number.
        hot: the share of readings above `HOT_ABOVE`, from 0 to 1.
        size: bytes to which a value is padded; one that is longer by itself stays as it is.
        marked: whether the temperature's digits behind the tenths are the record's number, so that a result tells by
            its temperature which record it is of.
        chance: makes temperatures repeatable.
    """

    def __init__(
        self,
        keys: Keys | None = None,
        hot: float = 0.05,
        size: int = 0,
        *,
        marked: bool = False,
        chance: random.Random | None = None,
    ) -> None:
        chance = chance or random.Random()
        self._keys = keys or Keys(1000, None, chance)
        self._hot = hot
        self._size = size
        self._marked = marked
        self._random = chance.random
        self._celsius: dict[int, float] = {}
        self._lines: list[bytes] = []
        self._ring: list[Message] = []
        self._turn = 0

    def messages(self, seqs: Sequence[int], dues: Sequence[int]) -> list[Message]:
        return [
            {"key": b"device-%04d" % device, "value": self._value(device, b"%d" % seq, b"%010d" % seq, b"%d" % due)}
            for seq, due, device in zip(seqs, dues, self._keys.take(len(seqs)), strict=True)
        ]

    def bulk(self, seqs: range, due: int) -> list[Message]:
        lap, first = divmod(seqs.start, _RING)
        if not lap or (seqs and seqs[-1] // _RING != lap):  # the first have no leading digits; few go over the end
            return self.messages(seqs, [due] * len(seqs))
        self._renew(first, seqs)
        places = slice(first, first + seqs.stop - seqs.start, seqs.step)
        text = b"\n".join(self._lines[places]).replace(_LAP, b"%d" % lap).replace(_DUE, b"%d" % due)
        if self._marked:
            text = text.replace(b"\2", b"%06d" % lap)
        messages = self._ring[places]
        for message, value in zip(messages, text.split(b"\n"), strict=True):
            message["value"] = value
        return messages

    def _renew(self, first: int, seqs: range) -> None:
        """Make some of these places' readings anew; all of the ring where there are none yet."""
        if not self._lines:
            self._lines, self._ring = [b""] * _RING, [{} for _ in range(_RING)]
            places = range(_RING)
        else:
            self._turn = (self._turn + 1) % _RENEWED
            places = range(first + self._turn * seqs.step, first + seqs.stop - seqs.start, _RENEWED * seqs.step)
        for place, device in zip(places, self._keys.take(len(places)), strict=True):
            end = b"%04d" % place
            self._lines[place] = self._value(device, _LAP + end, b"\2" + end, _DUE)
            self._ring[place]["key"] = b"device-%04d" % device

    def _value(self, device: int, seq: bytes, mark: bytes, due: bytes) -> bytes:
        chance = self._random
        celsius = self._celsius.get(device) or _COLDEST + chance() * (_WARMEST - _COLDEST)
        celsius = min(max(celsius + chance() - 0.5, _COLDEST), _WARMEST)
        self._celsius[device] = celsius
        if chance() < self._hot:
            celsius += _HEAT
        value = b'{"device_id":"device-%04d","temperature":%.1f%s,"seq":%s,"sent_at":%s}' % (
            device,
            celsius,
            mark if self._marked else b"",
            seq,
            due,
        )
        return pad(value, self._size) if len(value) < self._size else value


def marked_number(temperature: float) -> int:
    """The number of the record that a marked temperature belongs to."""
    return int(f"{temperature:.{MARK_DIGITS + 1}f}"[-MARK_DIGITS:])


_PAD: Final = b',"pad":""}'


def pad(value: bytes, size: int) -> bytes:
    """Lengthen a JSON object to `size` bytes by a field that no reader asks for."""
    return value[:-1] + _PAD[:-2] + b"x" * (size - len(value) - len(_PAD) + 1) + _PAD[-2:]
