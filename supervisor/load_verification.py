"""Whether results are what the promises say, matched by the records' numbers; knows nothing of Kafka."""

from array import array
from enum import StrEnum
from typing import Final

from supervisor.latencies import Latencies

_ANSWERABLE, _HOT = 1, 2
_MOST: Final = 255
_GROWTH: Final = 65_536
_AHEAD: Final = 5_000_000
"""Numbers from `reach` on that may still be of this load: a record may be read before its sender has told of it."""


class Expect(StrEnum):
    """Which records are to have a result."""

    AUTO = "auto"
    """Hot ones, unless a result of another comes, or none has a temperature: then all."""
    ALL = "all"
    HOT = "hot"
    """Those that are hot, or whatever else the reader takes for such."""
    SOME = "some"
    """There is no telling, so none is missing."""


class Verification:
    """What was sent and what came of it, some fifteen bytes a record.

    Args:
        expect: which records are to have a result.
    """

    def __init__(self, expect: Expect) -> None:
        self._asked = expect
        self.reach = 0
        """The number behind the last record that was sent, as far as the senders have told."""
        self._due = array("q")
        self._keys = array("i")
        self._key_numbers: dict[bytes | None, int] = {None: -1}
        self._copies = bytearray()
        self._kinds = bytearray()
        self._results = bytearray()
        self._latest: dict[tuple[int, int], tuple[int, int]] = {}
        self._early: dict[int, tuple[int, int, int]] = {}
        self.latencies = Latencies()
        """From a record's time to be sent until its first result could be read, since somebody took them."""
        self.copies = 0
        """Records of this load in the input topic."""
        self.records = 0
        """Different ones of them."""
        self.results = 0
        """All results that tell which record they are of."""
        self.answered = 0
        """Different records with a result."""
        self.repeated = 0
        """Results beyond one for each time that their record was sent."""
        self.disordered = 0
        """Records whose first result comes behind that of a later record of the same key in the same partition."""
        self.unnumbered = 0
        """Results that do not tell which record they are of."""
        self.foreign = 0
        """Records of the input topic that are not from this load."""
        self._measured = False
        """Whether a record has a temperature, and so might have been hot."""
        self._answered_cold = 0
        self._answered_wrongly = 0
        self._open = {Expect.ALL: 0, Expect.HOT: 0}
        self._expected = {Expect.ALL: 0, Expect.HOT: 0}

    @property
    def expect(self) -> Expect:
        """Which records are to have a result; where that was left open, as the results suggest."""
        if self._asked is not Expect.AUTO:
            return self._asked
        return Expect.ALL if self._answered_cold or not self._measured else Expect.HOT

    @property
    def expected(self) -> int | None:
        """How many records are to have a result; None where there is no telling."""
        return self._expected.get(self.expect)

    @property
    def missing(self) -> int:
        """Records without the result that they are to have."""
        return self._open.get(self.expect, 0)

    @property
    def unfounded(self) -> int:
        """Records that have a result but are to have none, or were never sent."""
        unknown = len(self._early) + self._answered_wrongly
        return unknown + (self._answered_cold if self.expect is Expect.HOT else 0)

    @property
    def keyed(self) -> bool:
        """Whether records have keys, and with them an order."""
        return len(self._key_numbers) > 1

    def sent(self, seq: int, due: int, *, key: bytes | None, answerable: bool, hot: bool | None) -> None:
        """Take in a record of the input topic.

        Args:
            seq: its number.
            due: when it was to be sent, in nanoseconds since the epoch.
            key: its key; None where it has none, so that it has no order.
            answerable: whether an app can give a result for it at all.
            hot: whether one that answers only some gives it for this one; None: there is no telling.
        """
        if seq >= self.reach + _AHEAD:
            self.foreign += 1
            return
        self._grow(seq)
        first = not self._copies[seq]
        if not first and due != self._due[seq]:  # another load's, on the same topic
            self.foreign += 1
            return
        self.copies += 1
        self._copies[seq] = min(_MOST, self._copies[seq] + 1)
        if not first:
            self.repeated -= self._results[seq] >= self._copies[seq]  # what came before its record's second copy
            return
        self.records += 1
        self._measured |= hot is not None
        self._due[seq] = due
        self._keys[seq] = self._key_numbers.setdefault(key, len(self._key_numbers) - 1)
        self._kinds[seq] = (_ANSWERABLE if answerable else 0) | (_HOT if hot and answerable else 0)
        for expect in self._classes(seq):
            self._expected[expect] += 1
            self._open[expect] += 1
        early = self._early.pop(seq, None)
        if early is not None:
            self._answer(seq, *early)

    def result(self, seq: int | None, partition: int, arrival: int) -> None:
        """Take in a result.

        Args:
            seq: the number of its record; None: it does not tell.
            partition: where it is; there is no order among partitions.
            arrival: when it could be read, in nanoseconds since the epoch.
        """
        if seq is None or seq < 0:
            self.unnumbered += 1
            return
        self.results += 1
        if seq >= self.reach + _AHEAD:
            self._answered_wrongly += 1
            return
        self._grow(seq)
        self._results[seq] = count = min(_MOST, self._results[seq] + 1)
        if count > max(1, self._copies[seq]):
            self.repeated += 1
        if count > 1:
            return
        if self._copies[seq]:
            self._answer(seq, partition, self.results, arrival)
        else:
            self._early[seq] = partition, self.results, arrival

    @property
    def taken(self) -> int:
        """How many records of the load, and results of them, there were so far."""
        return self.records + self.answered + self.repeated

    def missing_numbers(self, most: int) -> list[int]:
        """Some of the records that are missing, from the first one on."""
        wanted = {Expect.ALL: _ANSWERABLE, Expect.HOT: _HOT}.get(self.expect)
        if not self.missing or wanted is None:
            return []
        found = (seq for seq, kind in enumerate(self._kinds) if kind & wanted and not self._results[seq])
        return [seq for seq, _ in zip(found, range(most), strict=False)]

    def _answer(self, seq: int, partition: int, place: int, arrival: int) -> None:
        """Match a record to its first result, the one at `place` of all."""
        if not self._kinds[seq] & _ANSWERABLE:
            self._answered_wrongly += 1
            return
        self.answered += 1
        self._order(seq, partition, place)
        for expect in self._classes(seq):
            self._open[expect] -= 1
        if not self._kinds[seq] & _HOT:
            self._answered_cold += 1
        self.latencies.add((arrival - self._due[seq]) / 1e9)

    def _order(self, seq: int, partition: int, place: int) -> None:
        if (key := self._keys[seq]) < 0:
            return
        latest, last = self._latest.get((key, partition), (-1, -1))
        # A result that was read before its record is looked at with that, so later than it came: its place tells.
        self.disordered += seq < latest or place < last
        self._latest[key, partition] = max(seq, latest), max(place, last)

    def _classes(self, seq: int) -> tuple[Expect, ...]:
        kind = self._kinds[seq]
        return ((Expect.ALL, Expect.HOT) if kind & _HOT else (Expect.ALL,)) if kind & _ANSWERABLE else ()

    def _grow(self, seq: int) -> None:
        if seq >= len(self._copies):
            more = max(seq + 1 - len(self._copies), _GROWTH)
            self._copies.extend(bytes(more))
            self._kinds.extend(bytes(more))
            self._results.extend(bytes(more))
            self._due.extend([0] * more)
            self._keys.extend([-1] * more)
