"""A killed worker is replaced at once: nothing is missing, little repeated, and nobody else notices."""

import random
from signal import SIGKILL
from typing import NamedTuple

import pytest

from tests.support.readings import NS, Results
from tests.support.scene import Scene

pytestmark = pytest.mark.alone

COUNT = 200_000
RATE = 16_000
KILLS = 5


class Kill(NamedTuple):
    partition: int
    pid: int
    at: float
    """Seconds of the monotonic clock."""


def test_five_kills_under_load(scene: Scene) -> None:
    pool = scene.pool().wait_running()
    generation = pool.status().generation
    kills = []
    with scene.stream(rate=RATE, count=COUNT) as stream:
        for turn in range(KILLS):
            due = (turn + 1) * COUNT // (KILLS + 2)
            stream.wait_sent(due)
            pool.wait_running()
            partition = random.choice(range(4))
            pid, moment = pool.signal_worker(partition, SIGKILL)
            kills.append(Kill(partition, pid, moment))
            pool.wait_event("worker_died", count=turn + 1)
        assert stream.wait() == COUNT
    results = scene.wait_done()
    status = pool.status()
    assert results.missing(COUNT) == set()
    assert results.disordered() == []
    assert status.generation == generation, "a worker's death must not move the group"
    assert sum(partition.restarts for partition in status.partitions) == KILLS
    _assert_few_repeats(results, kills)
    _assert_quick_recovery(results, kills)
    _assert_others_unmoved(results, kills)


def _assert_few_repeats(results: Results, kills: list[Kill]) -> None:
    """Only what was handled in the last 200 ms before its worker's death is repeated."""
    for seen in results.first_of_repeated():
        assert any(kill.pid == seen.pid and seen.at / NS > kill.at - 0.2 for kill in kills), seen


def _assert_quick_recovery(results: Results, kills: list[Kill]) -> None:
    """After a partition's first death records are handled there again within 500 ms."""
    first = {kill.partition: kill for kill in reversed(kills)}
    for kill in first.values():
        assert results.next_after(kill.partition, kill.at, pid_not=kill.pid) - kill.at < 0.5, kill


def _assert_others_unmoved(results: Results, kills: list[Kill]) -> None:
    """Around a death the other partitions go on without a gap over 200 ms."""
    for kill in kills:
        around = (kill.at - 0.2, kill.at + 0.8)
        busy = {other.partition for other in kills if around[0] < other.at < around[1]}
        for partition in set(range(4)) - busy:
            assert results.longest_gap(partition, *around) < 0.2, (partition, kill)
