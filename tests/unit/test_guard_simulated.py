"""The guard over batch sizes, rates, shares of bad records and outages: what must hold in all of them."""

from collections.abc import Sequence
from random import Random

import pytest

from tests.unit.guard_parts import Partition

SECONDS = 60
"""For which records come, beside the outage."""
BACKLOG = 2000
LONGEST_STALL = 30.0

batches = pytest.mark.parametrize("batch", [None, 7, 100, 1000])
rates = pytest.mark.parametrize("rate", [0.2, 1, 5, None])


def count_of(rate: float | None, seconds: float) -> int:
    return BACKLOG if rate is None else int(rate * seconds)


def bad_of(count: int, share: float) -> Sequence[int]:
    """Bad records by chance; evenly where chance would now and then make them more than the guard allows."""
    if share > 0.3:
        return [n for n in range(count) if int((n + 1) * share) > int(n * share)]
    return sorted(Random(f"{count} {share}").sample(range(count), round(count * share)))


def check(partition: Partition, count: int, bad: Sequence[int]) -> None:
    assert partition.letters == bad
    assert partition.results == sorted(set(range(count)).difference(bad))
    assert partition.committable == count


@batches
@rates
@pytest.mark.parametrize("share", [0.01, 0.05, 0.07, 0.49])
def test_without_an_outage_nobody_waits_for_long(batch: int | None, rate: float | None, share: float) -> None:
    count = count_of(rate, 4 * SECONDS)
    bad = bad_of(count, share)
    partition = Partition(count, bad=bad, batch=batch, rate=rate, at_once=1000)
    partition.run(idle=15)
    check(partition, count, bad)
    assert partition.now - 15 <= (4 * SECONDS if rate else 0) + LONGEST_STALL


@batches
@rates
@pytest.mark.parametrize("share", [0, 0.07])
@pytest.mark.parametrize("minutes", [1, 20])
def test_an_outage_puts_nothing_aside(batch: int | None, rate: float | None, share: float, minutes: int) -> None:
    count = count_of(rate, 60 * minutes + SECONDS)
    bad = bad_of(count, share)
    partition = Partition(count, bad=bad, batch=batch, rate=rate, at_once=1000)
    began: list[float] = []

    def on_try(number: int) -> None:
        if number == count // 20 and not began:
            began.append(partition.now)
        partition.down = bool(began) and partition.now < began[0] + 60 * minutes

    partition.on_try = on_try
    partition.run(idle=130)
    check(partition, count, bad)
    assert partition.now < 1.3 * (60 * minutes + SECONDS) + 260
