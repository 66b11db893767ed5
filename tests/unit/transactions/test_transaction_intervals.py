"""When a transaction is committed: by time, by count, early where nothing is left, less often where it takes long."""

import pytest

from tests.unit.transactions.parts import Clock, Parts, unexpected
from workers.slot import COMMITTABLE, END, POSITION
from workers.transactions import BACKLOG_RECORDS, LONGEST_PAUSE_NS


@pytest.mark.parametrize(
    ("position", "end", "interval"),
    [
        (7, 7 + BACKLOG_RECORDS, 100_000_000),
        (7, 8 + BACKLOG_RECORDS, 500_000_000),
        (5005, 10_005, 100_000_000),
        (5005, 10_006, 500_000_000),
    ],
)
def test_a_commit_comes_by_time_and_in_a_backlog_later(
    parts: Parts, clock: Clock, position: int, end: int, interval: int
) -> None:
    parts.words[POSITION], parts.words[END] = position, end
    clock.now += interval - 1
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 5
    clock.now += 1
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == position


@pytest.mark.parametrize(("records", "committed"), [(3, 5), (2, 7)])
def test_a_commit_comes_by_count(clock: Clock, records: int, committed: int) -> None:
    parts = Parts(records=records)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == committed


def test_a_commit_comes_early_where_there_is_nothing_more_to_read(parts: Parts) -> None:
    parts.words[END] = 7
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 7


def test_the_next_early_commit_waits_so_long_that_a_slow_broker_gets_fewer(parts: Parts, clock: Clock) -> None:
    parts.producer.on_commit = lambda: clock.passes(8_000_000)
    parts.words[END] = 7
    parts.offsets.report(unexpected, idle=False)
    parts.send(7)
    parts.words[POSITION] = parts.words[END] = 8
    clock.passes(2_999_999)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 7
    clock.passes(1)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 8


@pytest.mark.parametrize(("took", "pause"), [(400_000_000, 150_000_000), (80_000_000_000, LONGEST_PAUSE_NS)])
def test_where_commits_take_long_they_come_less_often_than_the_interval(
    parts: Parts, clock: Clock, took: int, pause: int
) -> None:
    parts.producer.on_commit = lambda: clock.passes(took)
    parts.flush()
    parts.send(7)
    parts.words[POSITION], parts.words[END] = 8, 9
    clock.passes(pause - 1)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 7
    clock.passes(1)
    parts.offsets.report(unexpected, idle=False)
    assert parts.words[COMMITTABLE] == 8


@pytest.mark.parametrize("idle", [False, True])
def test_a_position_that_no_result_waits_for_is_committed_by_time(parts: Parts, clock: Clock, *, idle: bool) -> None:
    parts.flush()
    parts.words[POSITION] = parts.words[END] = 9
    parts.offsets.report(unexpected, idle=idle)
    assert parts.words[COMMITTABLE] == 7
    clock.passes(100_000_000)
    parts.offsets.report(unexpected, idle=idle)
    assert parts.words[COMMITTABLE] == 9
