"""The downstream is away, and every record fails: none is put aside, all are done after, in their order."""

import os
import time
from pathlib import Path

import pytest

from tests.support.pool import Pool
from tests.support.readings import reading
from tests.support.scene import Scene
from tests.support.wait import wait_while_true

DOWNSTREAM = "tests.apps.downstream:app"
RATE = 400
SECONDS = float(os.environ.get("TEST_OUTAGE_SECONDS", "12"))
BAD = 100
"""A record that fails by itself."""


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """The downstream is away while this file is there."""
    return tmp_path / "away"


def start(scene: Scene, away: Path, guarantee: str, delays: str = "") -> Pool:
    env = {"APP_AWAY": str(away), "POOL_GUARANTEE": guarantee, "POOL_WORKER_TIMEOUT": "2", "APP_DELAYS": delays}
    return scene.pool(DOWNSTREAM, env=env).wait_running(4 + bool(delays))


def all_guarded(pool: Pool) -> bool:
    return all(partition.guarded for partition in pool.status().partitions)


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_an_outage(scene: Scene, away: Path, guarantee: str) -> None:
    count = int(RATE * (SECONDS + 8))
    pool = start(scene, away, guarantee)
    scene.topics.send(scene.input, [reading(seq, do="fail" * (seq == BAD)) for seq in range(200)])
    scene.topics.wait_lag(scene.group, scene.input)
    with scene.stream(rate=RATE, count=count - 200, first=200) as stream:
        stream.wait_sent(RATE)
        away.touch()
        pool.wait_for(lambda: all_guarded(pool), 10, "all partitions guarded")
        assert pool.metric("pool_partition_guarded") == 4
        began = time.monotonic()
        wait_while_true(lambda: all_guarded(pool), 3, "nothing has come back yet", every=0.5)  # and all is committed
        committed = scene.topics.committed(scene.group, scene.input)
        wait_while_true(lambda: all_guarded(pool), SECONDS - 3, "nothing has come back yet", every=0.5)
        assert scene.topics.committed(scene.group, scene.input) == committed
        assert time.monotonic() - began >= SECONDS
        away.unlink()
        stream.wait()
    results = scene.wait_done()
    assert results.missing(count) == {BAD}
    assert results.repeated == []
    assert results.disordered() == []
    assert len(scene.topics.read(scene.dead)) == 1
    assert not any(partition.guarded for partition in pool.status().partitions)
    assert len(pool.events("guard_holds")) == len(pool.events("guard_releases")) == 4
    assert pool.events("worker_died") == []
    assert pool.terminate() == 0


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_a_drain_in_an_outage(scene: Scene, away: Path, guarantee: str) -> None:
    pool = start(scene, away, guarantee)
    scene.topics.send(scene.input, map(reading, range(1000)))
    scene.topics.wait_lag(scene.group, scene.input)
    away.touch()
    scene.topics.send(scene.input, map(reading, range(1000, 2000)))
    pool.wait_for(lambda: all_guarded(pool), 10, "all partitions guarded")
    began = time.monotonic()
    assert pool.terminate() == 0
    assert time.monotonic() - began < 8
    assert scene.topics.lag(scene.group, scene.input) == 1000

    away.unlink()
    start(scene, away, guarantee)
    results = scene.wait_done()
    assert results.missing(2000) == set()
    assert results.repeated == []
    assert results.disordered() == []
    assert scene.topics.read(scene.dead) == []


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_an_outage_of_slow_partitions_with_delayed_retries(scene: Scene, away: Path, guarantee: str) -> None:
    """Between two records a worker is idle; what it moved to the retry topic would be a dead letter a second later."""
    rate = 8
    count = int(rate * (SECONDS + 8))
    pool = start(scene, away, guarantee, "1s")

    def inputs_guarded() -> bool:
        return all(partition.guarded for partition in pool.status().partitions if partition.topic == scene.input)

    with scene.stream(rate=rate, count=count) as stream:
        stream.wait_sent(2 * rate)
        away.touch()
        pool.wait_for(inputs_guarded, 15, "all partitions of the input guarded")
        wait_while_true(inputs_guarded, SECONDS, "nothing has come back yet", every=0.5)
        away.unlink()
        stream.wait()
    results = scene.wait_done()
    assert results.missing(count) == set()
    assert results.repeated == []
    assert results.disordered() == []
    assert scene.topics.read(f"{scene.input}.{scene.group}.retry.1s") == []
    assert scene.topics.read(scene.dead) == []
    assert pool.terminate() == 0
