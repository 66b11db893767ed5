"""A topic that is deleted under a pool stays so, also where brokers make what somebody asks for."""

from collections.abc import Iterator

import pytest

from tests.conftest import MakeScene
from tests.support.broker import OwnBroker, own_or_skip
from tests.support.readings import reading
from tests.support.topics import Topics
from tests.support.wait import wait_for, wait_while_true
from workers.errors import ExitCode


@pytest.fixture
def making_broker() -> Iterator[OwnBroker]:
    with own_or_skip({"auto.create.topics.enable": "true"}) as broker:
        yield broker


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_a_deleted_topic_is_not_made_again(make_scene: MakeScene, making_broker: OwnBroker, guarantee: str) -> None:
    topics = Topics(making_broker.bootstrap)
    scene = make_scene(topics, partitions=2)
    pool = scene.pool(env={"POOL_GUARANTEE": guarantee}).wait_running(2)
    scene.topics.send(scene.input, map(reading, range(100)))
    assert scene.wait_done().missing(100) == set()
    topics.delete(scene.input)
    # The supervisor looks every 10 s; until then the workers go on, and ask for the topic.
    pool.wait_event("partitions_lost", within=30)
    wait_for(lambda: scene.input not in topics.names(), 10)
    wait_while_true(lambda: scene.input not in topics.names(), 5, "it is there again")
    assert pool.terminate() == ExitCode.OK
