"""Exactly once: dead letters that brokers refuse are sent again, alone, and only without what was refused of them."""

import json
import time

from confluent_kafka import TIMESTAMP_CREATE_TIME

from tests.conftest import MakeScene
from tests.support.readings import encode, reading
from tests.support.scene import EXACTLY_ONCE, SCRIPTED

COUNT = 40
HOUR_MS = 3_600_000


def test_a_time_that_the_topic_does_not_take(make_scene: MakeScene) -> None:
    """It is left out, the value is not; and the partition goes on."""
    scene = make_scene(partitions=1)
    scene.topics.create_named(scene.dead, 1, {"message.timestamp.before.max.ms": str(HOUR_MS)})
    old = int(time.time() * 1000) - 2 * HOUR_MS
    values = [encode(reading(seq, do="fail" * (seq in (7, 20)))) for seq in range(COUNT)]
    scene.topics.send_raw(scene.input, [{"value": value, "timestamp": old} for value in values])
    pool = scene.pool(SCRIPTED, env=EXACTLY_ONCE).wait_running(1)
    scene.wait_done().assert_exactly_once(COUNT, but={7, 20})
    letters = scene.topics.read(scene.dead)
    assert [letter.value() for letter in letters] == [values[7], values[20]]
    for letter in letters:
        assert ("pool.timestamp.omitted", str(old).encode()) in (letter.headers() or [])
        kind, at = letter.timestamp()
        assert kind == TIMESTAMP_CREATE_TIME
        assert at > old + HOUR_MS
    assert pool.events("worker_died") == []
    assert pool.terminate() == 0


def test_letters_that_are_too_large_together(make_scene: MakeScene) -> None:
    """Each has its value: what is alone after a refusal shares no batch, though the guard sends several at once."""
    scene = make_scene(partitions=1)
    scene.topics.create_named(scene.dead, 1, {"max.message.bytes": "100000"})
    failing = {7, 8}
    values = []
    for seq in range(COUNT):
        one = json.loads(encode(reading(seq, do="fail" * (seq in failing))))
        padding = (
            {"padding": "".join(chr(33 + (seq * 31 + n * n) % 90) for n in range(60_000))} if seq in failing else {}
        )
        values.append(json.dumps({**one, **padding}).encode())
    scene.topics.send_raw(scene.input, [{"value": value} for value in values])
    env = {**EXACTLY_ONCE, "KAFKA_COMPRESSION_TYPE": "none"}
    pool = scene.pool(SCRIPTED, env=env).wait_running(1)
    scene.wait_done().assert_exactly_once(COUNT, but=failing)
    assert [letter.value() for letter in scene.topics.read(scene.dead)] == [values[7], values[8]]
    assert pool.metric("pool_transactions_aborted_total") >= 1, "both were in one batch"
    assert pool.terminate() == 0
