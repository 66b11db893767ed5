"""A failed record waits in retry topics while all others go on; nothing is lost of it, and none waits for a drain."""

import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.support.pool import Pool
from tests.support.readings import reading
from tests.support.scene import Scene
from tests.support.wait import wait_for
from workers.records import raw_headers

DELAYED = "tests.apps.delayed:app"
COUNT = 2000
ATTEMPTS: Mapping[int, int] = {101: 1, 202: 2, 303: 3, 404: 4, 505: 99, 606: 5, 707: 99}
"""How often records fail, by their number: at each of three places they have two attempts."""
KILLED = {505, 707}


def retry_topics(scene: Scene, *delays: str) -> list[str]:
    return [f"{scene.input}.{scene.group}.retry.{delay}" for delay in delays]


def send(scene: Scene, failures: Mapping[int, int]) -> None:
    scene.topics.send(
        scene.input,
        (reading(seq, do="fail" * (seq in failures), seconds=failures.get(seq, 0)) for seq in range(COUNT)),
    )


def wait_delayed(scene: Scene, *topics: str) -> None:
    """Wait until all that was sent to the input and from there to each of these topics is dealt with."""
    for topic in (scene.input, *topics):
        wait_for(partial(scene.topics.partitions, topic), 30.0, f"{topic} is not there")
        scene.topics.wait_lag(scene.group, topic)


def has_handled(pool: Pool, count: int) -> bool:
    return pool.metric("pool_records_total") >= count


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_each_comes_to_its_end(scene: Scene, tmp_path: Path, guarantee: str) -> None:
    env = {
        "APP_DELAYS": "1s,3s",
        "APP_MARKS": str(tmp_path),
        "POOL_GUARANTEE": guarantee,
        "POOL_WORKER_TIMEOUT": "2",  # a worker that waits for a record to be due is no dead one
    }
    send(scene, ATTEMPTS)
    topics = retry_topics(scene, "1s", "3s")
    pool = scene.pool(DELAYED, env=env).wait_running(6)
    wait_delayed(scene, *topics)
    results = scene.topics.results(scene.output)
    assert results.missing(COUNT) == KILLED
    assert results.repeated == []
    letters = {int(dict(raw_headers(one))["pool.attempts"] or b""): one for one in scene.topics.read(scene.dead)}
    assert letters.keys() == {6}
    for topic in topics:
        assert list(scene.topics.partitions(topic)) == [0]
        config = scene.topics.config(topic)
        assert (config["cleanup.policy"], config["retention.bytes"]) == ("delete", "-1")
        assert int(config["retention.ms"]) > 7 * 86_400_000
    # Each was seen in its own place at every attempt, wherever it was read from.
    for seq, failures in ATTEMPTS.items():
        seen = (tmp_path / str(seq)).read_text().splitlines()
        assert len(seen) == min(failures + 1, 6)
        assert len(set(seen)) == 1
        topic, partition, offset, _ = seen[0].split()
        assert (topic, int(partition), int(offset)) == (scene.input, seq % 4, seq // 4)
    first, second = (len(scene.topics.read(topic)) for topic in topics)
    assert (first, second) == (6, 4), "what fails twice waits 1 s, what fails four times 3 s more"
    assert pool.metric("pool_delayed_retries_total") == 10
    assert pool.events("worker_died") == []
    assert pool.terminate() == 0


def test_a_dead_letter_names_its_origin(scene: Scene, tmp_path: Path) -> None:
    scene.topics.send_raw(
        scene.input,
        [
            {
                "key": b"device-3",
                "value": b'{"seq":7,"device_id":"device-3","temperature":1.5,"do":"fail","seconds":99}',
                "partition": 3,
                "timestamp": 1_700_000_000_123,
                "headers": [("a", b"1"), ("a", None)],
            }
        ],
    )
    scene.pool(DELAYED, env={"APP_DELAYS": "1s", "APP_MARKS": str(tmp_path)}).wait_running(5)
    wait_delayed(scene, *retry_topics(scene, "1s"))
    wait_for(lambda: len(scene.topics.read(scene.dead)) == 1, 30.0, "no dead letter")
    (letter,) = scene.topics.read(scene.dead)
    headers = raw_headers(letter)
    told = dict(headers[2:])
    assert headers[:2] == [("a", b"1"), ("a", None)]
    assert (letter.key(), letter.timestamp()[1]) == (b"device-3", 1_700_000_000_123)
    assert (letter.value() or b"").endswith(b'"seconds":99}')
    assert (told["pool.origin.topic"], told["pool.origin.partition"]) == (scene.input.encode(), b"3")
    assert (told["pool.origin.offset"], told["pool.origin.timestamp"]) == (b"0", b"1700000000123")
    assert told["pool.attempts"] == b"4"


def test_a_drain_does_not_wait_for_a_record_to_be_due(scene: Scene, tmp_path: Path) -> None:
    send(scene, {505: 99, 707: 3})
    env = {"APP_DELAYS": "15s", "APP_MARKS": str(tmp_path)}
    topic, unread = retry_topics(scene, "15s", "9s")
    scene.topics.create_named(unread, 1)
    pool = scene.pool(DELAYED, env=env).wait_running(5)
    scene.topics.wait_lag(scene.group, scene.input)
    pool.wait_for(lambda: pool.metric("pool_delayed_retries_total") == 2, 10, "two records to wait")
    began = time.monotonic()
    assert pool.terminate() == 0
    assert time.monotonic() - began < 5
    assert [event["topic"] for event in pool.events("retry_topic_unread")] == [unread]
    assert not scene.topics.committed(scene.group, topic).get(0), "nothing that waits is passed over"

    scene.pool(DELAYED, env={**env, "POOL_START": "latest"}).wait_running(5)
    scene.topics.wait_lag(scene.group, topic)
    assert scene.topics.results(scene.output).missing(COUNT) == {505}
    assert len(scene.topics.read(scene.dead)) == 1


def worker_pids(pool: Pool) -> set[int]:
    return {partition.pid for partition in pool.status().partitions if partition.pid is not None}


def have_successors(pool: Pool, killed: set[int]) -> bool:
    running = [partition.pid for partition in pool.status().partitions if partition.state == "running"]
    return len(running) == 5 and killed.isdisjoint(running)


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_killed_workers_lose_none_that_waits(scene: Scene, tmp_path: Path, guarantee: str) -> None:
    """Wherever it dies: before the retry topic has the record, between that and the commit, or behind both."""
    send(scene, dict.fromkeys(range(0, COUNT, 10), 2))
    env = {"APP_DELAYS": "1s", "APP_MARKS": str(tmp_path), "POOL_GUARANTEE": guarantee, "POOL_GUARD_SHARE": "1"}
    (topic,) = retry_topics(scene, "1s")
    pool = scene.pool(DELAYED, env=env).wait_running(5)
    for count in (500, 1000, 1500, 2000, 2050, 2100):
        pool.wait_for(partial(has_handled, pool, count), 60, f"{count} handled")
        killed = worker_pids(pool)
        for pid in killed:
            os.kill(pid, SIGKILL)
        # What is told may be a moment old: only with new workers is it of after the deaths.
        pool.wait_for(partial(have_successors, pool, killed), 30, "successors run")
    wait_delayed(scene, topic)
    results = scene.topics.results(scene.output)
    assert results.missing(COUNT) == set()
    assert scene.topics.read(scene.dead) == []
    if guarantee == "exactly_once":
        assert results.repeated == []
        assert len(scene.topics.read(topic)) <= COUNT // 10
    assert pool.terminate() == 0
