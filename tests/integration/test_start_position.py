"""Where a group without offsets begins; one that has offsets goes on from them, whatever `start` says."""

from tests.support.readings import reading
from tests.support.scene import Scene


def test_latest_passes_what_was_there(scene: Scene) -> None:
    scene.topics.send(scene.input, map(reading, range(100)))
    pool = scene.pool(env={"POOL_START": "latest"}).wait_running()
    scene.topics.send(scene.input, map(reading, range(100, 200)))
    results = scene.wait_done()
    assert sorted(results.copies) == list(range(100, 200))
    assert pool.events("records_lost") == []


def test_a_time_begins_there(scene: Scene) -> None:
    scene.topics.send_raw(
        scene.input,
        (
            {"value": b'{"seq":%d,"device_id":"d-0","temperature":1}' % seq, "partition": 0, "timestamp": 1000 * seq}
            for seq in range(1, 21)
        ),
    )
    scene.pool(env={"POOL_START": "11000"}).wait_running()
    assert sorted(scene.wait_done().copies) == list(range(11, 21))


def test_start_is_for_new_groups_only(scene: Scene) -> None:
    scene.topics.send(scene.input, map(reading, range(100)))
    scene.topics.commit(scene.group, scene.input, dict.fromkeys(range(4), 10))
    scene.pool(env={"POOL_START": "latest"}).wait_running()
    assert sorted(scene.wait_done().copies) == list(range(40, 100))


def test_an_offset_is_kept_though_nothing_came(scene: Scene) -> None:
    """What comes between two runs of an idle pool that began at the end is not passed over."""
    pool = scene.pool(env={"POOL_START": "latest"}).wait_running()
    assert pool.terminate() == 0
    scene.topics.send(scene.input, map(reading, range(20)))
    scene.pool(env={"POOL_START": "latest"}).wait_running()
    assert scene.wait_done().missing(20) == set()
