"""Numbered records and what the apps answer to them: whether a result is missing, repeated or out of order."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import msgspec
from confluent_kafka import Message

NS = 1_000_000_000


class Reading(msgspec.Struct):
    """A record of the input topic."""

    seq: int
    """Its number over all partitions, from 0."""
    device_id: str
    temperature: float
    do: str = ""
    """What `tests.apps.scripted` is to do with it."""
    seconds: float = 0.0
    """How long, where that takes time."""


class Seen(msgspec.Struct):
    """A result: which record was handled, when, and by whom."""

    seq: int
    device_id: str
    partition: int
    pid: int
    at: int
    """Nanoseconds of the monotonic clock, which all processes of a machine share."""


class Kill(NamedTuple):
    """A worker that was killed."""

    partition: int
    pid: int
    at: float
    """Seconds of the monotonic clock."""


class Handover(NamedTuple):
    """A partition that went on with another process."""

    partition: int
    pids: tuple[int, int]
    """Of the old process, and of the new one."""
    last: float
    """When the old one handled its last record: seconds of the monotonic clock."""
    first: float
    """When the new one handled its first."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Seen).decode


def reading(seq: int, *, devices: int = 40, do: str = "", seconds: float = 0.0) -> Reading:
    """Record number `seq`, of one of `devices` devices."""
    return Reading(seq, f"device-{seq % devices}", 20.0 + seq % 50, do, seconds)


def encode(value: Reading) -> bytes:
    return _encode(value)


class Results:
    """What lies in an output topic.

    Args:
        messages: all of the topic, in the order of its partitions.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        self.seen: Sequence[Seen] = [_decode(message.value() or b"") for message in messages]

    @cached_property
    def copies(self) -> Mapping[int, int]:
        """How many results each record has."""
        return Counter(seen.seq for seen in self.seen)

    def missing(self, count: int) -> set[int]:
        """Those of the records 0 … `count` - 1 that have no result."""
        return set(range(count)) - self.copies.keys()

    @property
    def repeated(self) -> list[int]:
        """The records that have more than one result."""
        return [seq for seq, copies in self.copies.items() if copies > 1]

    def assert_exactly_once(self, count: int, *, but: Collection[int] = ()) -> None:
        """Assert that each of the records 0 … `count` - 1 has one result, in order; those of `but` have none."""
        missing, repeated, disordered = self.missing(count) - set(but), self.repeated, self.disordered()
        told = f"missing {_some(missing)}, repeated {_some(repeated)}, disordered {_some(disordered)}"
        assert [missing, repeated, disordered] == [set(), [], []], told
        assert not self.copies.keys() & set(but)

    def first_of_repeated(self) -> list[Seen]:
        """The earliest result of each record that has more than one."""
        earliest: dict[int, Seen] = {}
        for seen in self.seen:
            if self.copies[seen.seq] > 1 and (seen.seq not in earliest or seen.at < earliest[seen.seq].at):
                earliest[seen.seq] = seen
        return list(earliest.values())

    def disordered(self) -> list[int]:
        """The records whose first result stands behind that of a later record of the same device."""
        latest: dict[str, int] = {}
        known: set[int] = set()
        found = []
        for seen in self.seen:
            if seen.seq in known:
                continue
            known.add(seen.seq)
            if seen.seq < latest.get(seen.device_id, -1):
                found.append(seen.seq)
            latest[seen.device_id] = max(seen.seq, latest.get(seen.device_id, -1))
        return found

    def times(self, partition: int) -> list[int]:
        """When records of a partition were handled, in nanoseconds of the monotonic clock, in that order."""
        return self._times.get(partition, [])

    def longest_gap(self, partition: int, since: float = 0.0, until: float = float("inf")) -> float:
        """The longest time in which a partition handled nothing.

        Args:
            partition: the input partition.
            since: seconds of the monotonic clock, from which gaps count.
            until: likewise, up to which.

        Returns: seconds.
        """
        times = [at for at in self.times(partition) if since * NS <= at <= until * NS]
        return max((b - a for a, b in pairwise(times)), default=0) / NS

    def next_after(self, partition: int, moment: float, *, pid_not: int) -> float:
        """When a partition was first handled after `moment` by another process than `pid_not`: seconds, monotonic."""
        later = (s.at for s in self.seen if s.partition == partition and s.pid != pid_not and s.at > moment * NS)
        return min(later) / NS

    def recovery(self, kill: Kill) -> float:
        """From a worker's death to the next record of its partition: seconds."""
        return self.next_after(kill.partition, kill.at, pid_not=kill.pid) - kill.at

    def handovers(self) -> list[Handover]:
        """Where a partition went on with another process, in the order of time."""
        found = [
            Handover(before.partition, (before.pid, after.pid), before.at / NS, after.at / NS)
            for before, after in pairwise(sorted(self.seen, key=lambda seen: (seen.partition, seen.at)))
            if before.partition == after.partition and before.pid != after.pid
        ]
        return sorted(found, key=lambda handover: handover.first)

    @cached_property
    def _times(self) -> Mapping[int, list[int]]:
        times: dict[int, list[int]] = {}
        for seen in self.seen:
            times.setdefault(seen.partition, []).append(seen.at)
        return {partition: sorted(of_it) for partition, of_it in times.items()}


def _some(seqs: Collection[int]) -> str:
    return f"{len(seqs)}: {sorted(seqs)[:20]}"
