"""A worker that is stopped in the middle of a transaction, until the brokers have aborted it, cannot commit it."""

from pathlib import Path
from signal import SIGCONT

import pytest

from tests.conftest import MakeScene
from tests.support.pool import PROTOCOLS, Pool
from tests.support.readings import reading
from tests.support.scene import EXACTLY_ONCE, SCRIPTED

TIMEOUT = 2.0
COUNT = 20


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_stopped_for_longer_than_its_transaction_may_last(make_scene: MakeScene, tmp_path: Path, protocol: str) -> None:
    scene = make_scene(partitions=1)
    mark = tmp_path / "mark"
    env = {**EXACTLY_ONCE, "APP_MARK": str(mark), "KAFKA_TRANSACTION_TIMEOUT_MS": str(int(TIMEOUT * 1000))}
    pool = scene.pool(SCRIPTED, protocol=protocol, env=env).wait_running(1)
    generation, pid = pool.status().generation, pool.workers()[0]
    # Time enough for the results before it to be written, and not so much that they are committed without it.
    scene.topics.send(scene.input, (reading(s, do="stop once" * (s == 7), seconds=0.3) for s in range(COUNT)))
    pool.wait_for(mark.exists, 10, "a stopped worker")
    assert scene.topics.open_transactions(scene.output)
    pool.wait_for(lambda: not scene.topics.open_transactions(scene.output), TIMEOUT + 15, "the brokers' abort")
    assert scene.topics.read(scene.output) == []

    pool.signal_worker(0, SIGCONT)
    scene.wait_done().assert_exactly_once(COUNT)
    pool.wait_event("worker_fenced", worker_pid=pid)
    _assert_no_crash(pool, generation)
    assert pool.terminate() == 0


def _assert_no_crash(pool: Pool, generation: int | None) -> None:
    (partition,) = pool.status().partitions
    assert (partition.restarts, partition.dead_letters) == (0, 0)
    assert pool.events("worker_died") == []
    assert pool.events("record_suspected") == []
    assert pool.metric("pool_worker_fences_total") == 1
    assert pool.status().generation == generation
