"""A record that kills its worker again and again holds up its own partition, and no other."""

from tests.support.readings import reading
from tests.support.scene import SCRIPTED, Scene


def test_deaths_back_off(scene: Scene) -> None:
    # So often that the record is not set aside while this looks on.
    pool = scene.pool(SCRIPTED, env={"POOL_QUARANTINE_AFTER": "100"}).wait_running()
    generation = pool.status().generation
    scene.topics.send(scene.input, [reading(0)])
    scene.topics.wait_lag(scene.group, scene.input)
    scene.topics.send(scene.input, [reading(4, do="exit", seconds=7), reading(8)])
    pool.wait_event("worker_died", count=4)
    scene.topics.send(scene.input, (reading(seq) for seq in range(12, 412) if seq % 4))
    scene.topics.wait_lag(scene.group, scene.input, 2)
    delays = [event["in_seconds"] for event in pool.events("worker_restarts")][:4]
    assert delays[0] == 0, "the first death is made good at once"
    assert 0 < delays[1] < delays[3]
    assert {event["offset"] for event in pool.events("worker_died")} == {1}
    status = pool.status()
    assert status.generation == generation
    assert [partition.restarts for partition in status.partitions if partition.partition != 0] == [0, 0, 0]
    # A worker that dies in its drain has not drained.
    pool.wait_for(lambda: pool.partition(0).state == "backing_off", 10, "no worker of the record's")
    assert pool.terminate() == 0


def test_a_failure_without_dead_letters_is_fatal_to_the_worker(scene: Scene) -> None:
    pool = scene.pool("tests.apps.fatal:app").wait_running()
    scene.topics.send(scene.input, [reading(0)])
    scene.topics.wait_lag(scene.group, scene.input)
    scene.topics.send(scene.input, [reading(4, do="fail")])
    died = pool.wait_event("worker_died", count=2)
    assert "reading 4 is told to fail" in died["error"]
    assert scene.topics.committed(scene.group, scene.input)[0] == 1
