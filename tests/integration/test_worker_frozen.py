"""A worker without a sign of life is replaced; one that is merely slow is not."""

import json
import time
from pathlib import Path
from signal import SIGSTOP

import pytest

from tests.conftest import MakeScene
from tests.support.figures import Figures
from tests.support.readings import encode, reading
from tests.support.scene import EXACTLY_ONCE, SCRIPTED, Scene
from workers.records import raw_headers

TIMEOUT = 3.0


@pytest.mark.alone
def test_a_stopped_worker(scene: Scene, figure: Figures) -> None:
    pool = scene.pool(env={"POOL_WORKER_TIMEOUT": str(TIMEOUT)}).wait_running()
    generation = pool.status().generation
    with scene.stream(rate=2000) as stream:
        stream.wait_sent(2000)
        pid, stopped = pool.signal_worker(1, SIGSTOP)
        pool.wait_event("worker_died", worker_pid=pid, within=TIMEOUT + 5)
        pool.wait_running()
        sent = stream.stop()
    results = scene.wait_done()
    replaced = results.next_after(1, stopped, pid_not=pid) - stopped
    figure(f"stopped to next record, worker_timeout {TIMEOUT}, s", replaced, f"< {TIMEOUT + 1.0}")
    assert replaced < TIMEOUT + 1.0
    assert results.missing(sent) == set()
    assert pool.status().generation == generation


def test_a_hung_handler_shows_where(scene: Scene, tmp_path: Path) -> None:
    env = {"POOL_WORKER_TIMEOUT": str(TIMEOUT), "APP_MARK": str(tmp_path / "mark")}
    pool = scene.pool(SCRIPTED, env=env).wait_running()
    scene.topics.send(scene.input, [reading(0), reading(4, do="hang once"), reading(8)])
    died = pool.wait_event("worker_died", within=TIMEOUT + 5)
    assert "_hang_once" in died["stacks"]
    assert sorted(scene.wait_done().copies) == [0, 4, 8]


def test_of_a_hung_batch_only_the_record_at_fault_is_set_aside(scene: Scene) -> None:
    count, bad = 200, 77
    scene.topics.send(scene.input, (reading(seq, do="hang" * (seq == bad)) for seq in range(count)))
    pool = scene.pool("tests.apps.batches:app", env={**EXACTLY_ONCE, "POOL_HANDLER_TIMEOUT": "1"}).wait_running()
    scene.topics.wait_lag(scene.group, scene.input)
    died = pool.events("worker_died")
    assert [death["cause"] for death in died] == ["no sign of life for 1 s"] * 2, "in its batch, and then alone"
    assert all("gather" in death["stacks"] for death in died)
    batches = [json.loads(message.value() or b"") for message in scene.topics.read(scene.output)]
    assert sorted(seq for batch in batches for seq in batch) == [seq for seq in range(count) if seq != bad]
    (letter,) = scene.topics.read(scene.dead)
    assert letter.value() == encode(reading(bad, do="hang"))
    assert dict(raw_headers(letter))["pool.error.class"] == b"workers.errors.WorkerKiller"


def test_a_slow_batch_is_alive(make_scene: MakeScene, full: bool, figure: Figures) -> None:
    """Many records of 50 ms are taken at once; together they take more than `worker_timeout`."""
    scene = make_scene(partitions=1)
    timeout, count = (5.0, 1000) if full else (TIMEOUT, int(3 * TIMEOUT / 0.05))
    scene.topics.send(scene.input, (reading(seq, do="sleep", seconds=0.05) for seq in range(count)))
    began = time.monotonic()
    pool = scene.pool(SCRIPTED, env={"POOL_WORKER_TIMEOUT": str(timeout)}).wait_running(1)
    results = scene.wait_done(within=0.05 * count + 30)
    figure(f"{count} records of 50 ms, worker_timeout {timeout}, s", time.monotonic() - began)
    assert results.missing(count) == set()
    assert results.repeated == []
    assert pool.events("worker_died") == []


def test_a_handler_longer_than_the_poll_interval(scene: Scene, full: bool, figure: Figures) -> None:
    """The group does not notice: the supervisor polls, whatever a handler does."""
    handler, timeout, interval = (60.0, 90, 30) if full else (10.0, 20, 6)
    env = {
        "POOL_WORKER_TIMEOUT": str(timeout),
        "KAFKA_MAX_POLL_INTERVAL_MS": str(interval * 1000),
        "POOL_DRAIN_TIMEOUT": "5",
    }
    pool = scene.pool(SCRIPTED, env=env).wait_running()
    generation = pool.status().generation
    scene.topics.send(scene.input, [reading(0, do="sleep", seconds=handler)])
    results = scene.wait_done(within=handler + 30)
    figure(f"handler of {handler} s, max.poll.interval {interval} s: times processed", len(results.seen), "1")
    assert len(results.seen) == 1
    assert pool.status().generation == generation
    assert pool.events("worker_died") == []
