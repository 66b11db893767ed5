"""Records that the log deleted before they were read are never passed over in silence."""

from signal import SIGSTOP

import pytest

from tests.support.readings import reading
from tests.support.scene import Scene
from workers.errors import ExitCode

COUNT = 400
KEPT = 60
"""Of 100 in partition 1, the first one that is still there."""


def _lose(scene: Scene) -> None:
    """Delete the offsets 10 … 59 of partition 1 before the group has read them."""
    scene.topics.send(scene.input, map(reading, range(COUNT)))
    scene.topics.commit(scene.group, scene.input, dict.fromkeys(range(4), 10))
    scene.topics.delete_before(scene.input, 1, KEPT)


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_told_and_counted(scene: Scene, guarantee: str) -> None:
    _lose(scene)
    pool = scene.pool(env={"POOL_GUARANTEE": guarantee}).wait_running()
    results = scene.wait_done()
    lost = {seq for seq in range(COUNT) if seq % 4 == 1 and 10 <= seq // 4 < KEPT}
    assert results.missing(COUNT) == lost | set(range(40))
    (told,) = pool.events("records_lost")
    assert (told["partition"], told["first"], told["last"], told["count"]) == (1, 10, KEPT - 1, KEPT - 10)
    assert pool.metric("pool_lost_records_total", partition="1") == KEPT - 10


def test_the_pool_stops_where_asked(scene: Scene) -> None:
    _lose(scene)
    pool = scene.pool(env={"POOL_ON_DATA_LOSS": "stop"})
    assert pool.wait_exit(20) == ExitCode.DATA_LOSS
    pool.assert_gone()
    assert scene.topics.committed(scene.group, scene.input)[1] == 10


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_while_running(scene: Scene, guarantee: str) -> None:
    """A worker that is out of range in the middle of its work goes on behind what was lost."""
    pool = scene.pool(env={"POOL_GUARANTEE": guarantee}).wait_running()
    pid, _ = pool.signal_worker(1, SIGSTOP)
    scene.topics.send(scene.input, map(reading, range(COUNT)))
    scene.topics.delete_before(scene.input, 1, KEPT)
    pool.resume_worker(pid)
    results = scene.wait_done()
    missing = results.missing(COUNT)
    assert sum(event["count"] for event in pool.events("records_lost")) == len(missing)
    assert all(seq % 4 == 1 for seq in missing)
