"""A slow record keeps no transaction open: what was handled before it is committed while it is still in hand."""

import pytest

from tests.conftest import MakeScene
from tests.support.readings import reading
from tests.support.scene import EXACTLY_ONCE, SCRIPTED

SLOW = 8.0
TIMEOUT = 3.0
"""Seconds that a transaction may last; a record may take longer."""


@pytest.mark.parametrize("slow", ["sleep", "work"])
def test_results_before_it_are_not_held_up(make_scene: MakeScene, slow: str) -> None:
    scene = make_scene(partitions=1)
    env = {**EXACTLY_ONCE, "KAFKA_TRANSACTION_TIMEOUT_MS": str(int(TIMEOUT * 1000))}
    pool = scene.pool(SCRIPTED, env=env).wait_running(1)
    pid = pool.workers()[0]
    scene.topics.send(scene.input, [reading(0), reading(1), reading(2, do=slow, seconds=SLOW), reading(3)])
    pool.wait_for(lambda: len(scene.topics.read(scene.output)) == 2, 5, "the results before the slow record")
    assert pool.partition(0).position == 2, "it is still in hand"
    assert scene.topics.committed(scene.group, scene.input) == {0: 2}
    results = scene.wait_done()
    results.assert_exactly_once(4)
    assert {seen.pid for seen in results.seen} == {pid}
    assert pool.events("transaction_aborted") == []
    assert pool.terminate() == 0
