"""Where a drain cannot succeed, the pool still ends in time, says what is left, and exits with its own code."""

from pathlib import Path
from signal import SIGTERM

from tests.support.pool import Pool
from tests.support.readings import reading
from tests.support.scene import SCRIPTED, Scene
from workers.errors import ExitCode

DRAIN = 4.0


def _hang(scene: Scene, tmp_path: Path, drain_timeout: float) -> Pool:
    """A pool whose worker of partition 1 hangs at offset 2."""
    mark = tmp_path / "mark"
    pool = scene.pool(SCRIPTED, env={"POOL_DRAIN_TIMEOUT": str(drain_timeout), "APP_MARK": str(mark)}).wait_running()
    scene.topics.send(scene.input, [reading(1), reading(5), reading(0), reading(2)])
    scene.topics.wait_lag(scene.group, scene.input)
    scene.topics.send(scene.input, [reading(9, do="hang once")])
    pool.wait_for(mark.exists, 10, "a worker that hangs")
    return pool


def test_a_hung_handler_is_killed_in_time(scene: Scene, tmp_path: Path) -> None:
    pool = _hang(scene, tmp_path, DRAIN)
    assert pool.terminate(within=DRAIN + 1) == ExitCode.UNDRAINED
    pool.assert_gone()
    (left,) = pool.events("partition_undrained")
    assert (left["topic"], left["partition"], left["offset"]) == (scene.input, 1, 2)

    scene.pool(SCRIPTED, env={"APP_MARK": str(tmp_path / "mark")})
    assert set(scene.wait_done().copies) == {0, 1, 2, 5, 9}


def test_a_second_signal_hurries(scene: Scene, tmp_path: Path) -> None:
    pool = _hang(scene, tmp_path, 60.0)
    pool.signal(SIGTERM)
    pool.wait_event("worker_drained", count=3)
    assert pool.terminate(within=3) == ExitCode.UNDRAINED
    pool.assert_gone()


def test_a_retry_under_way_is_given_up(scene: Scene) -> None:
    """A drain does not wait for a back-off; the record stays uncommitted, and is tried anew."""
    pool = scene.pool(SCRIPTED, env={"APP_BACKOFF": "3600"}).wait_running()
    scene.topics.send(scene.input, [reading(0)])
    scene.topics.wait_lag(scene.group, scene.input)
    scene.topics.send(scene.input, [reading(4, do="fail"), reading(8)])
    pool.wait_for(lambda: pool.metric("pool_retries_total", partition="0") == 1, 10, "a retry")
    assert pool.terminate(within=10) == 0
    assert scene.topics.committed(scene.group, scene.input)[0] == 1

    scene.pool(SCRIPTED)
    assert set(scene.wait_done().copies) == {0, 8}
    assert len(scene.topics.read(scene.dead)) == 1
