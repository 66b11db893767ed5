"""Workers that have taken enough are replaced: nothing is lost or repeated, and the group does not notice."""

import pytest

from tests.support.pool import Pool
from tests.support.readings import Reading, Results, reading
from tests.support.scene import SCRIPTED, Scene

COUNT = 20_000
BURST = 25
"""Records that keep 4 MB each: one burst brings a worker above `max_memory`, and two it could not hold."""
BURSTS = 2

both = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])


@both
def test_max_records(scene: Scene, guarantee: str) -> None:
    scene.topics.send(scene.input, (reading(seq) for seq in range(COUNT)))
    env = {"POOL_GUARANTEE": guarantee, "POOL_MAX_RECORDS": "2000", "POOL_BATCH_SIZE": "100"}
    pool = scene.pool(env=env)
    pool.wait_event("partitions_assigned")
    results = scene.wait_done()
    assert pool.metric("pool_worker_recycles_total", reason="max_records") >= 4
    _assert_unnoticed(pool, results, COUNT)


@both
def test_max_memory(scene: Scene, guarantee: str) -> None:
    pool = scene.pool(SCRIPTED, env={"POOL_GUARANTEE": guarantee, "POOL_MAX_MEMORY": "96M"}).wait_running()
    with scene.stream(rate=400, first=BURSTS * BURST) as stream:
        for burst in range(BURSTS):
            grown = range(burst * BURST, (burst + 1) * BURST)
            scene.topics.send(scene.input, (Reading(seq, "device-40", 20.0, "grow") for seq in grown))
            pool.wait_event("worker_recycles", reason="max_memory", partition=0, count=burst + 1)
            pool.wait_event("worker_drained", partition=0, count=burst + 1)
        sent = stream.stop()
    _assert_unnoticed(pool, scene.wait_done(), BURSTS * BURST + sent)


def _assert_unnoticed(pool: Pool, results: Results, count: int) -> None:
    results.assert_exactly_once(count)
    assert len({seen.pid for seen in results.seen}) > 4
    assert pool.events("worker_died") == []
    assert len(pool.events("partitions_assigned")) == 1, "the group must not notice"
    assert pool.terminate() == 0
