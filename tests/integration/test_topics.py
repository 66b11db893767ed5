"""Topics that come late, and topics that grow."""

import pytest

from tests.conftest import MakeScene
from tests.support.pool import PROTOCOLS
from tests.support.readings import reading
from workers.errors import ExitCode


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_new_partitions_get_workers(make_scene: MakeScene, protocol: str) -> None:
    scene = make_scene(partitions=2)
    env = {"KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000"}
    pool = scene.pool(protocol=protocol, env=env).wait_running(2)
    kept = set(pool.workers().values())
    scene.topics.grow(scene.input, 4)
    pool.wait_running(4)
    assert kept <= set(pool.workers().values())
    scene.topics.send(scene.input, map(reading, range(100)))
    results = scene.wait_done()
    assert results.missing(100) == set()
    assert {seen.partition for seen in results.seen} == set(range(4))


def test_what_a_new_partition_has_before_it_is_noticed_is_read_whatever_start_says(make_scene: MakeScene) -> None:
    scene = make_scene(partitions=2)
    env = {"KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "5000", "POOL_START": "latest"}
    scene.topics.send(scene.input, [reading(1000)])
    pool = scene.pool(env=env).wait_running(2)
    scene.topics.grow(scene.input, 4)
    scene.topics.send(scene.input, map(reading, range(100)))
    pool.wait_running(4)
    results = scene.wait_done()
    assert results.missing(100) == set()
    assert {seen.seq for seen in results.seen} == set(range(100)), "what was there before the group is passed over"


def test_with_a_memory_budget_new_partitions_leave_less_for_each_worker(make_scene: MakeScene) -> None:
    """Also where each of two pools has no more workers than there were partitions: it may come to have them all."""
    scene = make_scene(partitions=2)
    env = {"KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "1000", "POOL_MEMORY_BUDGET": "192M"}
    pools = [scene.pool(env=env), scene.pool(env=env)]
    for pool in pools:
        pool.wait_running(1)
    scene.topics.grow(scene.input, 4)
    for pool in pools:
        assert pool.wait_event("worker_recycles")["reason"] == "memory_budget"
        pool.wait_running(2)
    scene.topics.send(scene.input, map(reading, range(100)))
    assert scene.wait_done().missing(100) == set()


def test_a_topic_that_is_not_there_is_waited_for(make_scene: MakeScene) -> None:
    scene = make_scene(create=False)
    pool = scene.pool()
    waiting = pool.wait_event("waiting_for_topics")
    assert waiting["topics"] == [scene.input]
    assert pool.get("/livez")[0] == 200
    scene.topics.create_named(scene.input, 3)
    pool.wait_running(3)


def test_a_topic_is_created_where_asked(make_scene: MakeScene) -> None:
    scene = make_scene(create=False)
    scene.pool(env={"POOL_CREATE": "3"}).wait_running(3)
    assert scene.topics.partitions(scene.input) == [0, 1, 2]


def test_dead_letter_topics_are_made_with_room(make_scene: MakeScene) -> None:
    scene = make_scene(create=False)
    scene.topics.create_named(scene.input, 3, {"max.message.bytes": "2000000"})
    pool = scene.pool().wait_running(3)
    assert scene.topics.partitions(scene.dead) == [0, 1, 2]
    config = scene.topics.config(scene.dead)
    assert config["max.message.bytes"] == str(2_000_000 + 64 * 1024)
    assert (config["retention.ms"], config["retention.bytes"], config["cleanup.policy"]) == ("-1", "-1", "delete")
    assert pool.terminate() == ExitCode.OK
