"""A second supervisor comes and goes."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.support.pool import Pool


class Round(NamedTuple):
    """One join and one leave; times are seconds of the monotonic clock."""

    kept: frozenset[int]
    """The partitions that stayed with the first supervisor."""
    began: float
    parting: float
    """When the second one was told to end."""
    ended: float


def join_and_leave(first: Pool, second: Callable[[], Pool]) -> Round:
    """Start another supervisor beside one of four partitions, wait until each has two, and end it again."""
    before, began = first.workers(), time.monotonic()
    other = second().wait_running(2)
    first.wait_running(2)
    kept = _common(before, first.workers())
    assert len(kept) == 2
    parting = time.monotonic()
    assert other.terminate() == 0
    first.wait_running(4)
    assert _common(before, first.workers()) == kept, "a partition that was not moved keeps its worker"
    return Round(kept, began, parting, time.monotonic())


def _common(some: Mapping[int, int], others: Mapping[int, int]) -> frozenset[int]:
    return frozenset(partition for partition, _ in some.items() & others.items())
