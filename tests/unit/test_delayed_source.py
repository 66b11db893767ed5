"""Nothing of a retry topic is given before it is due, nothing out of order, and no poll waits for it."""

from collections import deque

import pytest
from confluent_kafka import Message

from tests.unit.messages import message
from workers import delayed_source
from workers.delayed_source import DelayedSource
from workers.queues import AHEAD
from workers.source import Batch

WALL = 1_700_000_000.0


class Clocks:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        monkeypatch.setattr(delayed_source, "monotonic", lambda: 50.0 + self.passed)
        monkeypatch.setattr(delayed_source, "time", lambda: WALL + self.passed)


class Partition:
    """A partition under the delay; notes what it is told."""

    def __init__(self) -> None:
        self.batches: deque[Batch] = deque()
        self.told: list[object] = []
        self.patience: float | None = None

    def poll(self, patience: float | None = None) -> Batch:
        self.patience = patience
        return self.batches.popleft() if self.batches else Batch([])

    def serve(self) -> None:
        self.told.append("serve")

    def high_watermark(self) -> int:
        return 77

    def rewind(self, offset: int) -> None:
        self.told.append(offset)

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


def written(offset: int, at: float) -> Message:
    """A record that was written `at` seconds after the test's beginning."""
    return message(b"v", offset=offset, timestamp=round(1000 * (WALL + at)))


def offsets(batch: Batch) -> list[int | None]:
    return [one.offset() for one in batch.messages]


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_each_record_is_given_when_it_is_due(clocks: Clocks) -> None:
    partition = Partition()
    source = DelayedSource(partition, 10)
    partition.batches += [Batch([written(0, -20), written(1, -4)]), Batch([written(2, -2)], 9)]
    assert offsets(source.poll()) == [0]
    assert source.poll() == Batch([])
    clocks.passed = 5.9
    assert source.poll() == Batch([])
    clocks.passed = 6.0
    assert offsets(source.poll()) == [1]
    clocks.passed = 8.5
    found = source.poll()
    assert offsets(found) == [2]
    assert found.end == 9, "the end is told with the last record before it"
    assert source.high_watermark() == 77


def test_none_overtakes_one_before_it(clocks: Clocks) -> None:
    partition = Partition()
    source = DelayedSource(partition, 10)
    partition.batches.append(Batch([written(0, -1), written(1, -30)]))
    assert offsets(source.poll()) == []
    clocks.passed = 9.0
    assert offsets(source.poll()) == [0, 1]


@pytest.mark.parametrize("at", [3600.0, 1e9])
def test_a_clock_that_is_ahead_delays_no_longer_than_the_delay(clocks: Clocks, at: float) -> None:
    partition = Partition()
    source = DelayedSource(partition, 10)
    partition.batches.append(Batch([written(0, at)]))
    source.poll()
    clocks.passed = 10.0
    assert offsets(source.poll()) == [0]


def test_a_record_without_a_time_is_due(clocks: Clocks) -> None:
    partition = Partition()
    partition.batches.append(Batch([message(b"v", offset=0, timestamp=None)]))
    assert offsets(DelayedSource(partition, 10).poll()) == [0]
    assert clocks.passed == 0


def test_far_enough_ahead_the_partition_is_paused_until_there_is_room(clocks: Clocks) -> None:
    partition = Partition()
    source = DelayedSource(partition, 10)
    partition.batches.append(Batch([written(n, -5) for n in range(AHEAD.records)]))
    for _ in range(3):
        assert source.poll() == Batch([])
    assert partition.told == ["pause"]
    clocks.passed = 5.0
    assert len(source.poll().messages) == AHEAD.records
    source.poll()
    assert partition.told == ["pause", "resume"]


def test_after_a_rewind_what_was_held_comes_from_below(clocks: Clocks) -> None:
    partition = Partition()
    source = DelayedSource(partition, 10)
    partition.batches.append(Batch([written(n, -5) for n in range(AHEAD.records)], 2000))
    source.poll()
    source.poll()
    source.rewind(3)
    assert partition.told == ["pause", "resume", 3]
    clocks.passed = 60.0
    assert source.poll() == Batch([])


def test_a_poll_gives_no_more_than_it_may(clocks: Clocks) -> None:
    partition = Partition()
    source = DelayedSource(partition, 10, most=2)
    partition.batches.append(Batch([written(offset, -20) for offset in range(3)], 3))
    batch = source.poll()
    assert (offsets(batch), batch.end, batch.behind) == ([0, 1], None, True)
    batch = source.poll()
    assert (offsets(batch), batch.end, batch.behind) == ([2], 3, False)
    assert partition.patience == 0, "what is due waits for nothing"
