"""Above `max_workers` a partition waits, visibly, and gets its turn when there is room."""

from tests.support.readings import reading
from tests.support.scene import Scene


def test_waiting_is_seen(scene: Scene) -> None:
    scene.topics.send(scene.input, map(reading, range(100)))
    first = scene.pool(env={"POOL_MAX_WORKERS": "2"})
    first.wait_event("worker_ready", count=2)

    def states() -> list[str]:
        return sorted(partition.state for partition in first.status().partitions)

    first.wait_for(lambda: states() == ["running", "running", "waiting", "waiting"], 10, "two that wait")
    assert first.metric("pool_partitions_waiting") == 2
    assert len(first.workers()) == 2

    second = scene.pool(env={"POOL_MAX_WORKERS": "2"})
    first.wait_running(2)
    second.wait_running(2)
    assert scene.wait_done().missing(100) == set()
