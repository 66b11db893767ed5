"""What failed, and no next record comes that could tell whose fault it was."""

import pytest

from tests.unit.guard_parts import WAIT, Partition
from workers import Retry
from workers.guard import IN_ROW, PATIENCE_SECONDS


def test_one_that_fails_alone_is_put_aside_when_none_follows() -> None:
    partition = Partition(10, bad=[9])
    partition.run(idle=WAIT - 1)
    assert (partition.letters, partition.committable) == ([], 9)
    partition = Partition(10, bad=[9])
    partition.run(idle=WAIT + 1)
    assert (partition.letters, partition.committable) == ([9], 10)
    assert partition.tried.count(9) == 2


@pytest.mark.parametrize("rate", [0.2, 1, 5])
def test_delayed_retries_take_none_of_a_slow_partition_either(rate: float) -> None:
    """Between two records its worker is idle, and could take each for one that fails alone."""
    partition = Partition(int(200 * rate), retries=Retry(attempts=1, delayed=["10s"]), rate=rate)
    partition.at_tries(lambda now: 20 <= now < 140)
    partition.run(idle=WAIT + 1)
    assert partition.waiting == []
    assert partition.results == list(range(int(200 * rate)))


def test_few_at_the_end_of_an_idle_partition_are_held_once_and_then_put_aside() -> None:
    partition = Partition(10, bad=[8, 9])
    partition.run(idle=2 * WAIT)
    assert partition.letters == [8, 9]
    assert set(partition.log.rewinds) == {8}
    assert PATIENCE_SECONDS < partition.now < 2 * PATIENCE_SECONDS


@pytest.mark.parametrize("count", [IN_ROW, 100, 1000])
def test_more_at_the_end_of_an_idle_partition_wait_until_one_succeeds(count: int) -> None:
    partition = Partition(count)
    partition.at_tries(lambda now: now < 3600)
    partition.run(idle=2 * PATIENCE_SECONDS)
    assert partition.letters == []
    assert partition.results == list(range(count))
    assert partition.now < 3600 + 3 * PATIENCE_SECONDS


def test_a_success_behind_them_lets_them_go() -> None:
    bad = range(IN_ROW + 1)
    partition = Partition(IN_ROW + 2, bad=bad)
    partition.log.come = lambda: IN_ROW + 1 if partition.now < 600 else IN_ROW + 2
    partition.run()
    assert partition.letters == list(bad)
    assert partition.now < 600 + PATIENCE_SECONDS + WAIT


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.05])
def test_of_a_partition_that_is_nearly_idle_an_outage_takes_few(rate: float) -> None:
    """Where each failed alone before the next came, they are a row all the same."""
    partition = Partition(int(4000 * rate), rate=rate)
    partition.at_tries(lambda now: now < 3600)
    partition.run(idle=2 * PATIENCE_SECONDS)
    assert len(partition.letters) < IN_ROW
    assert sorted([*partition.letters, *partition.results]) == list(range(int(4000 * rate)))


def test_a_malformed_record_between_two_failures_is_no_success() -> None:
    partition = Partition(10, bad=[7, 9], malformed=[8])
    partition.run(idle=WAIT + 1)
    assert partition.letters == [7, 8, 9]
    assert set(partition.log.rewinds) == {7}
