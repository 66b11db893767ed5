"""A partition that cannot write its results backs off, where all can see it, while the others run."""

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from tests.conftest import MakeScene
from tests.support.broker import OwnBroker
from tests.support.pool import Pool
from tests.support.readings import reading
from tests.support.rights import Rights
from tests.support.topics import Topics

COUNT = 400


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_of_one_agent(make_scene: MakeScene, strict_broker: OwnBroker, guarantee: str) -> None:
    topics = Topics(strict_broker.bootstrap)
    scene = make_scene(topics, partitions=2)
    other_input, other_output = topics.create("in-2", 1), topics.create("out-2", 1)
    rights = Rights(topics.bootstrap, ResourceType.TOPIC, other_output, AclOperation.WRITE)
    rights.deny()

    env = {"POOL_GUARANTEE": guarantee, "APP_INPUT_2": other_input, "APP_OUTPUT_2": other_output}
    pool = scene.pool("tests.apps.two_agents:app", env=env).wait_running(3)
    topics.send(other_input, map(reading, range(COUNT)))
    pool.wait_for(lambda: pool.partition(0, other_input).state == "backing_off", 20, "the partition backs off")
    topics.send(scene.input, map(reading, range(COUNT)))
    topics.wait_lag(scene.group, scene.input)
    assert topics.results(scene.output).missing(COUNT) == set()

    pool.wait_event("worker_died", topic=other_input, cause="sink_failed", count=3)
    pool.wait_for(lambda: _backs_off(pool, other_input), 20, "the metrics tell of it")
    assert "authorization failed" in pool.events("worker_died")[0]["error"]
    assert {p.state for p in pool.status().partitions if p.topic == scene.input} == {"running"}
    assert pool.metric("pool_worker_deaths_total", topic=scene.input) == 0
    assert pool.metric("pool_worker_deaths_total", topic=other_input, cause="sink_failed") >= 3
    # Between two back-offs it runs, until it fails again.
    pool.wait_for(lambda: pool.get("/readyz")[0] == 503, 20, "the readiness tells of it")
    assert topics.committed(scene.group, other_input).get(0, 0) == 0

    # Once it is allowed, it goes on by itself, and nothing is missing.
    rights.allow()
    topics.wait_lag(scene.group, other_input)
    results = topics.results(other_output)
    assert results.missing(COUNT) == set()
    assert results.repeated == []
    assert pool.terminate() == 0


def _backs_off(pool: Pool, topic: str) -> bool:
    return pool.metric("pool_worker_state", topic=topic, partition="0", state="backing_off") == 1
