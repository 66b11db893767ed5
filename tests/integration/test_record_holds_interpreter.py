"""A record that lets no other thread run, for longer than a transaction may last, is not handled over and over.

Nothing can relieve it of the results before it: the brokers abort them, and the worker is fenced. Its successor handles
the same records each in a transaction of its own.
"""

from tests.conftest import MakeScene
from tests.support.readings import reading
from tests.support.scene import EXACTLY_ONCE, SCRIPTED

HELD = 16.0
TIMEOUT = 3.0
"""Seconds that a transaction may last; brokers look for older ones every ten."""
COUNT = 20


def test_it_costs_one_fence_and_is_passed(make_scene: MakeScene) -> None:
    scene = make_scene(partitions=1)
    env = {**EXACTLY_ONCE, "KAFKA_TRANSACTION_TIMEOUT_MS": str(int(TIMEOUT * 1000))}
    # All are there before it begins, so that the first ones share a transaction with those behind them.
    scene.topics.send(scene.input, [reading(seq, do="hold" * (seq == 7), seconds=HELD) for seq in range(COUNT)])
    pool = scene.pool(SCRIPTED, env=env).wait_running(1)
    scene.wait_done(within=90).assert_exactly_once(COUNT)
    assert pool.metric("pool_worker_fences_total") == 1
    assert pool.events("record_suspected") == []
    assert pool.terminate() == 0
