"""What became of each record: missing, repeated, out of order, in the wrong place, committed too early.

It knows only what was read from topics, in the order of each partition, and keeps some 24 bytes a record.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from tests.faults.records import Deed, Done, End, Numbered, due_end

NS: Final = 1_000_000_000
_NOWHERE: Final = -1
_OFFSET_BITS: Final = 40
_IDLE: Final = NS // 5
"""Nanoseconds between two records after which a worker had nothing to do, or could not."""


class Name(NamedTuple):
    """A record, as the load numbers it."""

    key: int
    n: int


class Place(NamedTuple):
    """Where a message lies."""

    topic: str
    partition: int
    offset: int


class Repeat(NamedTuple):
    """A result of a record that had one already."""

    name: Name
    first_at: int
    at: int
    pid: int


class WrongEnd(NamedTuple):
    """A record that ended where it should not have."""

    name: Name
    do: Deed
    end: End


class Key:
    """The records of one key."""

    def __init__(self) -> None:
        self.sent_at = array("q")
        self.ended = array("q")
        """Where each has ended first, as a number; see `Ledger`."""
        self.at = array("q")
        self.latest = -1

    def room(self, n: int) -> None:
        """Make room for record `n`."""
        while len(self.ended) <= n:
            self.sent_at.append(0)
            self.ended.append(_NOWHERE)
            self.at.append(0)

    def results_since(self, moment: int) -> Iterator[int]:
        """When those records were handled that were sent since `moment`, the latest first."""
        for n in range(len(self.sent_at) - 1, -1, -1):
            if 0 < self.sent_at[n] < moment:
                return
            if self.sent_at[n] and self.at[n]:
                yield self.at[n]


class Ledger:
    """The account of one run.

    Args:
        partitions: how many the input has; the records of key k lie in partition k modulo this.
    """

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.sent = 0
        self.unnumbered: list[Name] = []
        """Input records that do not follow on the one before of their key: the load or the brokers lost something."""
        self.ended = 0
        self.repeats: list[Repeat] = []
        self.repeated_letters = 0
        self.disordered: list[Name] = []
        self.wrong: list[WrongEnd] = []
        self._keys: defaultdict[int, Key] = defaultdict(Key)
        self._moves = [False] * partitions
        self._inputs = [array("q") for _ in range(partitions)]
        self._sources: list[tuple[str, int]] = []

    def take_input(self, place: Place, record: Numbered) -> None:
        """A record of the input topic."""
        key = self._keys[record.key]
        key.room(record.n)
        if (record.n > 0 and key.sent_at[record.n - 1] == 0) or key.sent_at[record.n] != 0:
            self.unnumbered.append(Name(record.key, record.n))
        key.sent_at[record.n] = record.sent_at
        offsets = self._inputs[place.partition]
        while len(offsets) < place.offset:
            offsets.append(_NOWHERE)
        offsets.append(record.key << _OFFSET_BITS | record.n)
        self.sent += 1

    def take_result(self, place: Place, done: Done) -> None:
        """A result."""
        key = self._keys[done.key]
        key.room(done.n)
        if self._end(place, Name(done.key, done.n), done.do, End.RESULT):
            key.at[done.n] = done.at
            self._moves[done.key % self.partitions] = True
            if done.n < key.latest:
                self.disordered.append(Name(done.key, done.n))
            key.latest = max(key.latest, done.n)
        else:
            self.repeats.append(Repeat(Name(done.key, done.n), key.at[done.n], done.at, done.pid))

    def take_dead_letter(self, place: Place, record: Numbered) -> None:
        """A dead letter."""
        self._keys[record.key].room(record.n)
        if not self._end(place, Name(record.key, record.n), record.do, End.DEAD_LETTER):
            self.repeated_letters += 1

    def missing(self) -> Sequence[Name]:
        """The records that have ended nowhere."""
        return [
            Name(number, n)
            for number, key in sorted(self._keys.items())
            for n, ended in enumerate(key.ended)
            if ended == _NOWHERE and key.sent_at[n]
        ]

    def unfinished(
        self, partition: int, since: int, until: int, ends: Mapping[tuple[str, int], int]
    ) -> Sequence[tuple[int, Name]]:
        """The offsets of an input partition from `since` to below `until` that had not ended, and their records.

        Args:
            partition: of the input.
            since: an offset.
            until: an offset.
            ends: where the topics of results and dead letters ended then; what lies behind came later.
        """
        found = []
        for offset in range(since, min(until, len(self._inputs[partition]))):
            if (packed := self._inputs[partition][offset]) == _NOWHERE:
                continue
            name = Name(packed >> _OFFSET_BITS, packed & (1 << _OFFSET_BITS) - 1)
            ended = self._keys[name.key].ended[name.n]
            if ended == _NOWHERE or not self._before(ended, ends):
                found.append((offset, name))
        return found

    def moves(self, partition: int) -> bool:
        """Whether a record of a partition has its result."""
        return self._moves[partition]

    def moved_at(self, partition: int, since: int) -> int | None:
        """When the first record of a partition was handled after `since`; nanoseconds, monotonic."""
        return min((at for key in self._of(partition) for at in key.at if at > since), default=None)

    def caught_up_at(self, partition: int, since: int) -> int | None:
        """When the first record of a partition that was sent after `since` had its result; nanoseconds, monotonic."""
        return min((at for key in self._of(partition) for at in key.results_since(since)), default=None)

    def input_ends(self) -> Sequence[int]:
        """The offset after the last record read of each input partition."""
        return [len(offsets) for offsets in self._inputs]

    def longest_repeat(self) -> float:
        """The most work that one worker did again: seconds in which it was done first, without idle times."""
        works: dict[tuple[int, int], list[int]] = {}
        for repeat in self.repeats:
            if repeat.first_at:
                works.setdefault((repeat.name.key % self.partitions, repeat.pid), []).append(repeat.first_at)
        return max(map(_busy, works.values()), default=0) / NS

    def _of(self, partition: int) -> Iterator[Key]:
        return (key for number, key in self._keys.items() if number % self.partitions == partition)

    def _end(self, place: Place, name: Name, do: Deed, end: End) -> bool:
        """Note where a record has ended; whether for the first time."""
        if end is not due_end(do):
            self.wrong.append(WrongEnd(name, do, end))
        key = self._keys[name.key]
        if key.ended[name.n] != _NOWHERE:
            return False
        key.ended[name.n] = self._source(place.topic, place.partition) << _OFFSET_BITS | place.offset
        self.ended += 1
        return True

    def _source(self, topic: str, partition: int) -> int:
        if (topic, partition) not in self._sources:
            self._sources.append((topic, partition))
        return self._sources.index((topic, partition))

    def _before(self, ended: int, ends: Mapping[tuple[str, int], int]) -> bool:
        return (ended & (1 << _OFFSET_BITS) - 1) < ends[self._sources[ended >> _OFFSET_BITS]]


def _busy(times: list[int]) -> int:
    times.sort()
    return sum(min(after - before, _IDLE) for before, after in pairwise(times))
