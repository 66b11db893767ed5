"""A signal to stop that comes while partitions are given back, or where no death can be confirmed: all ends in time."""

import os
from signal import SIGSTOP

import pytest

from tests.support.pool import PROTOCOLS
from tests.support.readings import reading
from tests.support.scene import SCRIPTED, Scene
from workers.errors import ExitCode

DRAIN = 6.0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_end_in_the_time_of_one_drain(scene: Scene, protocol: str) -> None:
    pool = scene.pool(SCRIPTED, protocol=protocol, env={"POOL_DRAIN_TIMEOUT": str(DRAIN)}).wait_running()
    scene.topics.send(scene.input, [reading(number, do="sleep", seconds=60) for number in range(4)])
    pool.wait_for(lambda: {p.end for p in pool.status().partitions} == {1}, 10, "handlers that take a minute")
    scene.pool(SCRIPTED, protocol=protocol)
    pool.wait_for(lambda: "draining" in {p.state for p in pool.status().partitions}, 20, "a revoke")
    assert pool.get("/livez")[0] == 200, "the loop turns in a revoke"
    assert pool.terminate(within=DRAIN + 1) == ExitCode.UNDRAINED
    pool.assert_gone()
    assert {left["partition"] for left in pool.events("partition_undrained")} == set(range(4))


def test_a_stopped_fork_server_holds_up_nothing(scene: Scene) -> None:
    """It reaps nobody, so that no death is confirmed: the supervisor ends it, and thereby its workers."""
    pool = scene.pool(env={"POOL_DRAIN_TIMEOUT": str(DRAIN)}).wait_running()
    os.kill(pool.fork_server(), SIGSTOP)
    assert pool.terminate(within=DRAIN + 1) in (ExitCode.OK, ExitCode.UNDRAINED)
    pool.assert_gone()
