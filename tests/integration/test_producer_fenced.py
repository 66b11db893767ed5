"""A fenced worker stops; the next one begins when its supervisor has proved that it is a member, and it is no crash."""

from signal import SIGCONT, SIGSTOP

import pytest
from confluent_kafka import Producer

from tests.conftest import MakeScene
from tests.support.pool import PROTOCOLS
from tests.support.scene import EXACTLY_ONCE

COUNT = 6000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_somebody_takes_a_workers_place(make_scene: MakeScene, protocol: str) -> None:
    scene = make_scene(partitions=1)
    pool = scene.pool(protocol=protocol, env=EXACTLY_ONCE).wait_running(1)
    generation, pid = pool.status().generation, pool.workers()[0]
    with scene.stream(rate=1500, count=COUNT) as stream:
        stream.wait_sent(COUNT // 3)
        # While the one who takes over still asks, a successor would be fenced by him, too, and he by it.
        pool.signal(SIGSTOP)
        _take_over(scene.topics.bootstrap, f"{scene.group}.{scene.input}.0")
        pool.signal(SIGCONT)
        pool.wait_event("worker_fenced", worker_pid=pid)
        assert stream.wait() == COUNT
    scene.wait_done().assert_exactly_once(COUNT)

    told = [event["event"] for event in pool.events() if event["event"] in ("worker_fenced", "membership_proved")]
    assert told == ["worker_fenced", "membership_proved"]
    after = pool.events().index(pool.events("membership_proved")[0])
    began = [pool.events().index(event) for event in pool.events("worker_started")]
    assert began[0] < after < began[1], "the next worker begins behind the proof"
    assert len(began) == 2

    (partition,) = pool.status().partitions
    assert (partition.restarts, partition.dead_letters) == (0, 0)
    assert pool.events("worker_died") == []
    assert pool.events("record_suspected") == []
    assert pool.status().generation == generation
    assert pool.terminate() == 0


def _take_over(bootstrap: str, transactional_id: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id, "log_level": 3})
    producer.init_transactions(30)
