"""What one group replays the other groups of the topic pass over, unless they are told not to."""

import uuid

import pytest

from tests.support.dead_letters import run_dead
from tests.support.readings import reading
from tests.support.scene import SCRIPTED, Scene

COUNT = 40


@pytest.mark.parametrize("replays", ["own", "all"])
def test_another_groups_pool(scene: Scene, replays: str) -> None:
    failing = [seq for seq in range(COUNT) if seq % 4 == 1]
    scene.topics.send(scene.input, (reading(seq, do="reject" * (seq in failing)) for seq in range(COUNT)))
    pool = scene.pool(SCRIPTED).wait_running()
    scene.wait_done()
    other, output = f"group-{uuid.uuid4().hex[:10]}", scene.topics.create("other", 4)
    env = {"POOL_GROUP": other, "APP_OUTPUT": output, "POOL_REPLAYS": replays}
    theirs = scene.pool(SCRIPTED, env=env).wait_running()
    scene.topics.wait_lag(other, scene.input)
    seen = theirs.metric("pool_records_total")
    assert seen == COUNT

    run_dead(scene, "replay", scene.input, "--execute")
    scene.topics.wait_lag(other, scene.input)
    scene.topics.wait_lag(scene.group, scene.input)
    assert pool.metric("pool_records_total") == COUNT + len(failing)
    assert len(scene.topics.read(scene.dead)) == 2 * len(failing)
    skipped = len(failing) if replays == "own" else 0
    assert theirs.metric("pool_replays_skipped_total") == skipped
    assert theirs.metric("pool_records_total") == COUNT + len(failing) - skipped
