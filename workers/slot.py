"""One incarnation of a worker, as seen from both sides: a row of words in shared memory.

The supervisor makes one anonymous file, maps it, and hands it to the fork server; a worker inherits the mapping.
Each word is an aligned 64-bit integer, so a store is seen whole or not at all, and costs some 40 ns from Python.
A word has one writer: `LEASE` the supervisor, all others the worker.
"""

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

WORDS: Final = 128
SLOT_BYTES: Final = WORDS * 8

# Progress. Offsets are those of the next record: all below are handled, respectively safe.
POSITION: Final = 0
COMMITTABLE: Final = 1
POLLED: Final = 2
"""Above the highest offset taken from the consumer's queue: what a crash may have to repeat ends here."""
END: Final = 3
"""The partition's high watermark as the last fetch told it; -1 where unknown."""
BEAT: Final = 4
"""Sign of life: nanoseconds of the monotonic clock at the loop's last turn. Within a turn IN_HAND moves instead."""
LEASE: Final = 5
"""Nanoseconds of the monotonic clock until which the worker may handle and produce; 0: not yet."""

PROVED: Final = 6
"""Nanoseconds of the monotonic clock at which a transaction was sent that the group took as a member's; 0: none yet."""
AWAITS: Final = 7
"""1 while the loop is in a call that waits for the brokers, however long that takes: no record is in hand; else 0."""

IN_HAND: Final = 8
"""The offset of the record in hand, as it is looked at ten times a second within a turn: a sign of life; else 0."""

LOOKED: Final = 9
"""Nanoseconds of the monotonic clock at which the thread beside the loop last ran, which it does ten times a second;
once a second while nothing is at hand."""

# Counters, from 0 at the incarnation's start.
RECORDS: Final = 10
RESULTS: Final = 11
RETRIES: Final = 12
DEAD_LETTERS: Final = 13
FLUSHES: Final = 14
FLUSH_NS: Final = 15
DELAYED: Final = 16
"""Records sent to a retry topic."""
SKIPPED: Final = 17
"""Records passed over because they are for another group: replayed, or waiting in a retry topic for it."""

GUARDED: Final = 18
"""1 while the guard holds the record in hand, because too many failed lately; else 0."""
ABORTS: Final = 19
"""Transactions that were taken back."""

# librdkafka's essentials, at its last report.
RTT_US: Final = 20
TX_RETRIES: Final = 21
TX_BYTES: Final = 22
RX_BYTES: Final = 23
FETCH_QUEUE: Final = 24
FETCH_QUEUE_BYTES: Final = 25
PRODUCE_QUEUE: Final = 26


class Histogram:
    """Where a distribution lies in a slot: a word for the sum, one for each bucket, one for what is above them all."""

    def __init__(self, first: int, bounds: Sequence[int], unit: float) -> None:
        self.sum = first
        self.buckets = range(first + 1, first + 2 + len(bounds))
        self.bounds = tuple(bounds)
        self.unit = unit
        """What a bound and the sum are multiplied by to give seconds, or whatever the metric's unit is."""

    @property
    def end(self) -> int:
        return self.buckets.stop

    def observe(self, words: memoryview, value: int, count: int = 1) -> None:
        """Count `count` observations of `value` each, in the histogram's own unit."""
        words[self.buckets[bisect_left(self.bounds, value)]] += count
        words[self.sum] += value * count


_MICROSECONDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000)
_MILLISECONDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 600_000)

HANDLER: Final = Histogram(32, _MICROSECONDS, 1e-6)
"""Handler time of a record: the mean over the records that were handled in one go."""
LATENCY: Final = Histogram(HANDLER.end, _MILLISECONDS, 1e-3)
"""From a record's timestamp to its being handled: the oldest record of each batch."""
BATCH: Final = Histogram(LATENCY.end, (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000), 1.0)
"""Records that one turn of the worker's loop handled."""

assert BATCH.end <= WORDS

COUNTERS: Final = (
    RECORDS,
    RESULTS,
    RETRIES,
    DEAD_LETTERS,
    FLUSHES,
    FLUSH_NS,
    ABORTS,
    DELAYED,
    SKIPPED,
    TX_RETRIES,
    TX_BYTES,
    RX_BYTES,
    *range(HANDLER.sum, BATCH.end),
)
"""The words that only grow, to be added up over a partition's incarnations."""


class SlotTable:
    """All slots of one supervisor, in one shared mapping.

    Args:
        fd: the shared file; it stays the caller's to close.
        slots: how many slots it holds.
    """

    def __init__(self, fd: int, slots: int) -> None:
        self._map = mmap.mmap(fd, slots * SLOT_BYTES)
        self._words = memoryview(self._map).cast("q")
        self.slots = slots

    def __getitem__(self, number: int) -> memoryview:
        """The words of slot `number`, as a writable view of signed 64-bit integers."""
        if not 0 <= number < self.slots:
            raise IndexError(f"slot {number} of {self.slots}")
        return self._words[number * WORDS : (number + 1) * WORDS]

    def clear(self, number: int, start: int) -> None:
        """Make slot `number` ready for an incarnation that begins at offset `start`."""
        words = self[number]
        for i in range(WORDS):
            words[i] = 0
        words[POSITION] = words[COMMITTABLE] = words[POLLED] = start
        words[END] = -1
