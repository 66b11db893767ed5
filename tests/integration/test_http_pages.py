"""What a running pool shows over HTTP."""

import json
from signal import SIGKILL

from tests.support.readings import reading
from tests.support.scene import Scene

COUNT = 1000

METRICS = {
    "pool_records_total",
    "pool_results_total",
    "pool_retries_total",
    "pool_dead_letters_total",
    "pool_handler_seconds_bucket",
    "pool_end_to_end_latency_seconds_bucket",
    "pool_batch_size_bucket",
    "pool_position",
    "pool_committed",
    "pool_lag",
    "pool_worker_state",
    "pool_worker_restarts_total",
    "pool_rebalances_total",
    "pool_commit_seconds_bucket",
}


def test_pages(scene: Scene) -> None:
    scene.topics.send(scene.input, map(reading, range(COUNT)))
    pool = scene.pool().wait_running()
    scene.wait_done()
    pool.wait_for(lambda: all(partition.lag == 0 for partition in pool.status().partitions), 10, "lag 0 in /status")

    assert pool.get("/livez")[0] == 200
    assert pool.get("/readyz")[0] == 200
    assert pool.get("/nowhere")[0] == 404

    document = json.loads(pool.get("/status")[1])
    assert document["state"] == "running"
    assert document["group"] == scene.group
    assert document["protocol"] == "classic"
    assert document["generation"] >= 1
    assert document["member_id"]
    for partition in document["partitions"]:
        assert partition["position"] == partition["committed"] == partition["end"] == COUNT // 4
        assert partition["records"] == partition["results"] == COUNT // 4

    text = pool.get("/metrics")[1]
    assert {name for name in METRICS if f"\n{name}{{" not in text and f"\n{name} " not in text} == set()
    assert pool.metric("pool_records_total") == COUNT
    assert pool.metric("pool_lag") == 0


def test_counters_grow_over_a_death(scene: Scene) -> None:
    scene.topics.send(scene.input, map(reading, range(COUNT)))
    pool = scene.pool().wait_running()
    scene.wait_done()
    pid, _ = pool.signal_worker(0, SIGKILL)
    pool.wait_event("worker_died", worker_pid=pid)
    pool.wait_running()
    scene.topics.send(scene.input, map(reading, range(COUNT, 2 * COUNT)))
    scene.wait_done()
    assert pool.metric("pool_records_total") == 2 * COUNT
    assert pool.metric("pool_worker_restarts_total", partition="0") == 1


def test_a_pool_without_partitions_is_ready(scene: Scene) -> None:
    first = scene.pool().wait_running()
    idle = [scene.pool() for _ in range(4)]
    for pool in [first, *idle]:
        pool.wait_ready()
