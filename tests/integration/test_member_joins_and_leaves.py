"""A second supervisor joins and leaves under load: nothing is missing, and what is not moved never pauses."""

import time
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.support.pool import PROTOCOLS, Pool
from tests.support.scene import Scene

pytestmark = pytest.mark.alone

RATE = 4000
ROUNDS = 5


class Round(NamedTuple):
    kept: frozenset[int]
    """The partitions that stayed with the first supervisor."""
    began: float
    ended: float


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_five_joins_and_leaves_under_load(scene: Scene, protocol: str) -> None:
    first = scene.pool(protocol=protocol).wait_running()
    with scene.stream(rate=RATE) as stream:
        rounds = [_join_and_leave(scene, first, protocol) for _ in range(ROUNDS)]
        sent = stream.stop()
    results = scene.wait_done()
    assert results.missing(sent) == set()
    assert results.disordered() == []
    assert results.repeated == [], "a move between supervisors that both live repeats nothing"
    for one in rounds:
        for partition in one.kept:
            assert results.longest_gap(partition, one.began, one.ended) < 0.2, (partition, one)


def _join_and_leave(scene: Scene, first: Pool, protocol: str) -> Round:
    before, began = first.workers(), time.monotonic()
    second = scene.pool(protocol=protocol).wait_running(2)
    first.wait_running(2)
    kept = _common(before, first.workers())
    assert len(kept) == 2
    assert second.terminate() == 0
    first.wait_running(4)
    assert _common(before, first.workers()) == kept, "a partition that was not moved keeps its worker"
    return Round(kept, began, time.monotonic())


def _common(some: Mapping[int, int], others: Mapping[int, int]) -> frozenset[int]:
    return frozenset(partition for partition, _ in some.items() & others.items())
