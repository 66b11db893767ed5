"""Workers are replaced after their share of records: nothing is lost or repeated, and the group does not notice."""

import pytest

from tests.support.readings import reading
from tests.support.scene import Scene

COUNT = 20_000


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_max_records(scene: Scene, guarantee: str) -> None:
    scene.topics.send(scene.input, (reading(seq) for seq in range(COUNT)))
    env = {"POOL_GUARANTEE": guarantee, "POOL_MAX_RECORDS": "2000", "POOL_BATCH_SIZE": "100"}
    pool = scene.pool(env=env)
    pool.wait_event("partitions_assigned")
    results = scene.wait_done()
    assert results.missing(COUNT) == set()
    assert results.repeated == []
    assert results.disordered() == []
    assert pool.metric("pool_worker_recycles_total", reason="max_records") >= 4
    assert len({seen.pid for seen in results.seen}) > 4
    assert pool.events("worker_died") == []
    assert len(pool.events("partitions_assigned")) == 1, "the group must not notice"
    assert pool.terminate() == 0
