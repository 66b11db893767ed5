"""A broker that is gone for a while is waited out: everything recovers by itself, and nothing is lost."""

import pytest

from tests.conftest import MakeScene
from tests.support.broker import OwnBroker
from tests.support.pool import PROTOCOLS, SESSION
from tests.support.readings import reading
from tests.support.topics import Topics
from tests.support.wait import wait_while_true
from workers.errors import ExitCode

COUNT = 5000
DRAIN = 5.0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_stopped_and_started_again(make_scene: MakeScene, breakable_broker: OwnBroker, protocol: str) -> None:
    topics = Topics(breakable_broker.bootstrap)
    scene = make_scene(topics)
    pool = scene.pool(protocol=protocol).wait_running()
    topics.send(scene.input, map(reading, range(COUNT)))
    breakable_broker.stop()
    wait_while_true(lambda: pool.get("/livez")[0] == 200, SESSION + 1, "the pool is not alive in an outage", every=0.5)
    assert pool.process.poll() is None
    breakable_broker.start()
    topics.send(scene.input, map(reading, range(COUNT, 2 * COUNT)))
    results = scene.wait_done()
    assert results.missing(2 * COUNT) == set()
    assert results.disordered() == []
    pool.wait_running()


def test_a_pool_ends_in_time_without_its_broker(make_scene: MakeScene, breakable_broker: OwnBroker) -> None:
    topics = Topics(breakable_broker.bootstrap)
    scene = make_scene(topics)
    pool = scene.pool(env={"POOL_DRAIN_TIMEOUT": str(DRAIN)}).wait_running()
    with scene.stream(rate=2000) as stream:
        stream.wait_sent(4000)
        breakable_broker.pause()
        code = pool.terminate(within=DRAIN + 2)
        breakable_broker.resume()
        sent = stream.stop()
    assert code == ExitCode.UNDRAINED
    pool.assert_gone()
    assert {left["partition"] for left in pool.events("partition_undrained")} <= set(range(4))

    scene.pool()
    results = scene.wait_done()
    assert results.missing(sent) == set()
