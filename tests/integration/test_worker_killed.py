"""A killed worker is replaced at once: nothing is missing, little repeated, and nobody else notices."""

import random
from signal import SIGKILL

import pytest

from tests.support.figures import Figures
from tests.support.readings import NS, Kill, Results
from tests.support.scene import Scene

pytestmark = pytest.mark.alone

COUNT = 200_000
RATE = 16_000
KILLS = 5


def test_five_kills_under_load(scene: Scene, figure: Figures) -> None:
    pool = scene.pool().wait_running()
    generation = pool.status().generation
    kills = []
    with scene.stream(rate=RATE, count=COUNT) as stream:
        for turn in range(KILLS):
            due = (turn + 1) * COUNT // (KILLS + 2)
            stream.wait_sent(due)
            pool.wait_running()
            partition = random.choice(range(4))
            kills.append(Kill(partition, *pool.signal_worker(partition, SIGKILL)))
            pool.wait_event("worker_died", count=turn + 1)
        assert stream.wait() == COUNT
    results = scene.wait_done()
    status = pool.status()
    figure("records without a result", len(results.missing(COUNT)), "0")
    figure("repeated, all kills together", len(results.repeated))
    assert results.missing(COUNT) == set()
    assert results.disordered() == []
    assert status.generation == generation, "a worker's death must not move the group"
    assert sum(partition.restarts for partition in status.partitions) == KILLS
    ages = _ages_of_repeats(results, kills)
    figure("oldest repeat, s before its worker's death", max(ages, default=0), "< 0.2")
    recoveries = _recoveries(results, kills)
    figure("kill to next record, first deaths, s", ", ".join(f"{seconds:.3f}" for seconds in recoveries), "< 0.5")
    gaps = _gaps_of_others(results, kills)
    figure("longest gap of the other partitions, s", max(gaps), "< 0.2")
    assert max(ages, default=0) < 0.2
    assert max(recoveries) < 0.5
    assert max(gaps) < 0.2


def _ages_of_repeats(results: Results, kills: list[Kill]) -> list[float]:
    """How long before its worker's death each repeated record was handled first."""
    deaths = {kill.pid: kill.at for kill in kills}
    return [deaths[seen.pid] - seen.at / NS for seen in results.first_of_repeated()]


def _recoveries(results: Results, kills: list[Kill]) -> list[float]:
    """After each partition's first death: how long until a record was handled there again."""
    first = {kill.partition: kill for kill in reversed(kills)}
    return [results.recovery(kill) for kill in first.values()]


def _gaps_of_others(results: Results, kills: list[Kill]) -> list[float]:
    """Around each death: how long each of the other partitions stood still at most."""
    gaps = []
    for kill in kills:
        around = (kill.at - 0.2, kill.at + 0.8)
        busy = {other.partition for other in kills if around[0] < other.at < around[1]}
        gaps += [results.longest_gap(partition, *around) for partition in set(range(4)) - busy]
    return gaps
