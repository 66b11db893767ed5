"""Slots: rows of words in shared memory that do not touch each other."""

import os
from collections.abc import Iterator

import pytest

from workers.slot import (
    BATCH,
    COMMITTABLE,
    COUNTERS,
    END,
    HANDLER,
    LATENCY,
    LEASE,
    POLLED,
    POSITION,
    SLOT_BYTES,
    WORDS,
    Histogram,
    SlotTable,
)


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.memfd_create("slots")
    os.ftruncate(fd, 3 * SLOT_BYTES)
    yield fd
    os.close(fd)


def test_a_cleared_slot_begins_at_its_offset_and_leaves_the_others_alone(fd: int) -> None:
    table = SlotTable(fd, 3)
    for number in range(3):
        for word in range(WORDS):
            table[number][word] = -7
    table.clear(1, 2**40)
    assert (set(table[0]), set(table[2])) == ({-7}, {-7})
    begin = {POSITION: 2**40, COMMITTABLE: 2**40, POLLED: 2**40, END: -1}
    assert list(table[1]) == [begin.get(word, 0) for word in range(WORDS)]


@pytest.mark.parametrize("number", [-1, 3])
def test_there_are_no_other_slots(fd: int, number: int) -> None:
    with pytest.raises(IndexError, match=f"slot {number} of 3"):
        SlotTable(fd, 3)[number]


def test_what_a_forked_child_stores_is_seen_and_so_is_a_lease_by_the_child(fd: int) -> None:
    table = SlotTable(fd, 3)
    table.clear(2, 5)
    table[2][LEASE] = 2**62
    pid = os.fork()
    if pid == 0:
        table[2][POSITION] = 6 if table[2][LEASE] == 2**62 else 0
        os._exit(0)
    os.waitpid(pid, 0)
    assert table[2][POSITION] == 6


def test_a_histogram_counts_into_the_first_bound_that_is_not_below() -> None:
    histogram = Histogram(2, (10, 20), 1.0)
    words = memoryview(bytearray(64)).cast("q")
    for value in (0, 10, 11, 20, 21):
        histogram.observe(words, value)
    histogram.observe(words, 12, count=3)
    assert list(words) == [0, 0, 98, 2, 5, 1, 0, 0]
    assert histogram.end == 6


def test_no_two_words_share_a_place() -> None:
    taken = [*COUNTERS, POSITION, COMMITTABLE, POLLED, END, LEASE]
    assert len(set(taken)) == len(taken)
    assert HANDLER.end == LATENCY.sum
    assert LATENCY.end == BATCH.sum
    assert BATCH.end <= WORDS
