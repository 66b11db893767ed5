"""Readings for a generator that goes as fast as it can: made once, sent again and again under new numbers.

What is left to do for a record is a tenth of what its sending takes: a thousand at a time are one text, in which the
number's leading digits and the time are put in place at once. Sorted by partition, they spare the producer the
partitioner.
"""

import zlib
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Final

from supervisor.load_keys import Keys

PAGE: Final = 1000
"""Records a page. A number's last three digits are its place's."""
_PAGES: Final = 16
_USES: Final = 64
"""How often a page is sent before its readings are made anew."""
_NUMBER, _MARK = b"\0", b"\1"
_MARKED: Final = 7
"""Leading digits of a mark."""

Partitioner = Callable[[bytes], int]
MakeValue = Callable[[int, bytes, bytes], bytes]
"""Makes the value of a device's reading: the device, the time and number in JSON, the number's ten digits."""


def crc32_partitioner(partitions: int) -> Partitioner:
    """What librdkafka's partitioners "consistent" and "consistent_random" do with a key."""
    return lambda key: zlib.crc32(key) % partitions


class _Page:
    """A thousand readings without the leading digits of their numbers.

    Args:
        keys: which devices report.
        value: makes a reading.
        partitioner: tells the partition of a key; None: that is left to the producer.
        seqs: the numbers that they get first.
        due: when that is, in nanoseconds since the epoch.
    """

    def __init__(self, keys: Keys, value: MakeValue, partitioner: Partitioner | None, seqs: range, due: int) -> None:
        devices = [(device, b"device-%04d" % device) for device in keys.take(PAGE)]
        where = partitioner or (lambda _key: -1)
        devices.sort(key=lambda device: where(device[1]))
        base = seqs.start // (PAGE * seqs.step) * seqs.step
        lines: dict[int, list[bytes]] = {}
        for number, (device, _) in zip(seqs, devices, strict=True):
            leading, end = divmod(number, PAGE)
            # What stands for a number is as long as it is until the value is padded.
            blank, mark = _NUMBER * len(_timed(due, leading)), _MARK * _MARKED
            line = value(device, blank + b"%03d" % end, mark + b"%03d" % end)
            lines.setdefault(leading - base, []).append(line.replace(blank, _NUMBER).replace(mark, _MARK))
        self._texts = [(more, b"\n".join(of_it)) for more, of_it in lines.items()]
        self._marked = _MARK in self._texts[0][1]
        self._messages: list[dict[str, Any]] = [{"key": key, "value": None} for _, key in devices]
        self._batches = [
            (partition, list(messages))
            for partition, messages in groupby(self._messages, key=lambda message: where(message["key"]))
        ]
        self.widths = _widths(seqs)
        self.uses = 0

    def batches(self, leading: int, due: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """The readings with their numbers.

        Args:
            leading: the leading digits of the page's first number, less what the page knows of it.
            due: nanoseconds since the epoch.
        """
        self.uses += 1
        texts = []
        for more, text in self._texts:
            numbered = text.replace(_NUMBER, _timed(due, leading + more))
            texts.append(numbered.replace(_MARK, b"%0*d" % (_MARKED, leading + more)) if self._marked else numbered)
        for message, message["value"] in zip(self._messages, b"\n".join(texts).split(b"\n"), strict=True):  # noqa: B007
            pass
        return iter(self._batches)


class Pages:
    """The pages of one process.

    Args:
        keys: which devices report.
        value: makes a reading.
        partitioner: tells the partition of a key; None: that is left to the producer.
        padded: whether values are, so that numbers with other digits need pages of their own.
    """

    def __init__(self, keys: Keys, value: MakeValue, partitioner: Partitioner | None, *, padded: bool) -> None:
        self._keys = keys
        self._value = value
        self._partitioner = partitioner
        self._padded = padded
        self._pages: dict[int, _Page] = {}

    def page(self, number: int, seqs: range, due: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Page `number` of the load, whose records have these numbers."""
        place = number % _PAGES
        page = self._pages.get(place)
        if page is None or page.uses >= _USES or (self._padded and page.widths != _widths(seqs)):
            page = self._pages[place] = _Page(self._keys, self._value, self._partitioner, seqs, due)
        return page.batches(number * seqs.step, due)


def _timed(due: int, leading: int) -> bytes:
    """What a reading has behind its `sent_at`, up to the last three digits of its number."""
    return b'%d,"seq":%d' % (due, leading)


def _widths(seqs: range) -> tuple[int, int]:
    """How many digits the first and the last number have."""
    return len(str(seqs[0])), len(str(seqs[-1]))
